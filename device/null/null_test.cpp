// What the null device promises: every call of the table is answered, allocations do not overlap, memory is zero.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "api/window.h"
#include "device/device.h"
#include "device/leases.h"

extern "C" const device::Driver* outboard_device(uint64_t memory_bytes);
extern "C" const device::Leases* outboard_leases();

namespace {

const device::Driver& driver() { return *outboard_device(uint64_t{1} << 20); }

TEST(NullDevice, every_pointer_is_set) {
#define ROW(since, name, params) EXPECT_TRUE(driver().name) << #name;
#include "api/cuda/cuda.def"
}

TEST(NullDevice, allocations_lie_in_the_window_and_apart) {
  CUdeviceptr one = 0, other = 0;
  ASSERT_EQ(driver().cuMemAlloc_v2(&one, 1000), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuMemAlloc_v2(&other, 1000), CUDA_SUCCESS);
  EXPECT_TRUE(api::in_window(one) && api::in_window(other));
  EXPECT_GE(one > other ? one - other : other - one, 1000u);
  EXPECT_EQ(driver().cuMemFree_v2(one), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemFree_v2(one), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver().cuMemFree_v2(other), CUDA_SUCCESS);
}

TEST(NullDevice, has_no_more_memory_than_it_says) {
  CUdeviceptr address = 0;
  EXPECT_EQ(driver().cuMemAlloc_v2(&address, (1 << 20) + 1), CUDA_ERROR_OUT_OF_MEMORY);
  size_t free = 0, total = 0;
  ASSERT_EQ(driver().cuMemAlloc_v2(&address, 1 << 19), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuMemGetInfo_v2(&free, &total), CUDA_SUCCESS);
  EXPECT_EQ(total, 1u << 20);
  EXPECT_EQ(free, 1u << 19);
  EXPECT_EQ(driver().cuMemFree_v2(address), CUDA_SUCCESS);
}

TEST(NullDevice, a_context_allocates_within_its_lease) {
  const device::Leases& leases = *outboard_leases();
  size_t free = 0, total = 0;
  device::Lease lease;
  ASSERT_EQ(driver().cuCtxSetCurrent(reinterpret_cast<CUcontext>(1)), CUDA_SUCCESS);
  EXPECT_EQ(leases.allocate(lease.address, 512), CUDA_ERROR_OUT_OF_MEMORY) << "nothing is lent yet";
  EXPECT_EQ(leases.lend((1 << 20) + 1, &lease), CUDA_ERROR_OUT_OF_MEMORY);
  ASSERT_EQ(leases.lend(1 << 19, &lease), CUDA_SUCCESS);
  EXPECT_EQ(lease.budget, 1u << 20);
  ASSERT_EQ(leases.allocate(lease.address, 1000), CUDA_SUCCESS);
  EXPECT_EQ(leases.allocate(lease.address + 512, 512), CUDA_ERROR_OUT_OF_MEMORY) << "in use";
  EXPECT_EQ(leases.allocate(lease.address + 1024 + 1, 512), CUDA_ERROR_OUT_OF_MEMORY) << "not aligned";
  EXPECT_EQ(leases.allocate(lease.address + lease.size - 512, 1024), CUDA_ERROR_OUT_OF_MEMORY) << "beyond the lease";
  EXPECT_EQ(leases.allocate(lease.address + 1024, 1 << 20), CUDA_ERROR_OUT_OF_MEMORY) << "beyond the budget";
  EXPECT_EQ(leases.allocate(lease.address + 1024, ~uint64_t{0}), CUDA_ERROR_OUT_OF_MEMORY);
  ASSERT_EQ(leases.allocate(lease.address + 1024, 512), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuMemGetInfo_v2(&free, &total), CUDA_SUCCESS);
  EXPECT_EQ(free, total - 1512);
  EXPECT_EQ(driver().cuMemFree_v2(lease.address), CUDA_SUCCESS);
  EXPECT_EQ(driver().cuMemFree_v2(lease.address + 1024), CUDA_SUCCESS);
  EXPECT_EQ(leases.allocate(lease.address, lease.budget), CUDA_SUCCESS) << "freed memory is its own again";
  EXPECT_EQ(leases.lend(512, &lease), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(leases.release(lease.address), CUDA_SUCCESS);
  EXPECT_EQ(leases.release(lease.address), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(leases.settle(), CUDA_SUCCESS);
  EXPECT_EQ(leases.allocate(lease.address, 512), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(leases.lend(1 << 20, &lease), CUDA_SUCCESS);
}

TEST(NullDevice, several_leases_may_come_to_more_than_all) {
  const device::Leases& leases = *outboard_leases();
  device::Lease lease[2];
  for (uintptr_t i = 0; i < 2; ++i) {
    ASSERT_EQ(driver().cuCtxSetCurrent(reinterpret_cast<CUcontext>(i + 2)), CUDA_SUCCESS);
    ASSERT_EQ(leases.lend(1 << 19, &lease[i]), CUDA_SUCCESS);
  }
  for (uintptr_t i = 0; i < 2; ++i) {
    ASSERT_EQ(driver().cuCtxSetCurrent(reinterpret_cast<CUcontext>(i + 2)), CUDA_SUCCESS);
    EXPECT_EQ(leases.allocate(lease[i].address, 1 << 20), CUDA_SUCCESS);
  }
  size_t free = 0, total = 0;
  CUdeviceptr address = 0;
  ASSERT_EQ(driver().cuMemGetInfo_v2(&free, &total), CUDA_SUCCESS);
  EXPECT_EQ(free, 0u);
  EXPECT_EQ(driver().cuMemAlloc_v2(&address, 512), CUDA_ERROR_OUT_OF_MEMORY);
  for (const device::Lease& each : lease) EXPECT_EQ(driver().cuMemFree_v2(each.address), CUDA_SUCCESS);
}

TEST(NullDevice, memory_reads_as_zeros) {
  CUdeviceptr address = 0;
  char bytes[64];
  std::memset(bytes, 1, sizeof bytes);
  ASSERT_EQ(driver().cuMemAlloc_v2(&address, sizeof bytes), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuMemcpyHtoD_v2(address, bytes, sizeof bytes), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuMemcpyDtoH_v2(bytes, address, sizeof bytes), CUDA_SUCCESS);
  for (char byte : bytes) EXPECT_EQ(byte, 0);
  EXPECT_EQ(*reinterpret_cast<const char*>(address), 0);  // where the worker sends from
  EXPECT_EQ(driver().cuMemFree_v2(address), CUDA_SUCCESS);
}

TEST(NullDevice, a_module_names_its_kernels) {
  const char* text =
      ".version 7.0\n.target sm_75\n.address_size 64\n.global .align 4 .b8 table[16];\n"
      ".visible .entry one(.param .u32 n, .param .u64 p)\n{\nret;\n}\n";
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  unsigned count = 0;
  const char* name = "";
  size_t offset = 0, size = 0;
  CUdeviceptr table = 0;
  ASSERT_EQ(driver().cuModuleLoadDataEx(&module, text, 0, nullptr, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuModuleGetFunctionCount(&count, module), CUDA_SUCCESS);
  ASSERT_EQ(count, 1u);
  ASSERT_EQ(driver().cuModuleEnumerateFunctions(&function, 1, module), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuFuncGetName(&name, function), CUDA_SUCCESS);
  EXPECT_STREQ(name, "one");
  ASSERT_EQ(driver().cuFuncGetParamInfo(function, 1, &offset, &size), CUDA_SUCCESS);
  EXPECT_EQ(offset, 8u);
  EXPECT_EQ(size, 8u);
  EXPECT_EQ(driver().cuModuleGetGlobal_v2(&table, &size, module, "table"), CUDA_SUCCESS);
  EXPECT_EQ(size, 16u);
  EXPECT_EQ(driver().cuModuleLoadDataEx(&module, "nonsense", 0, nullptr, nullptr), CUDA_ERROR_INVALID_PTX);
}

TEST(NullDevice, waits_for_host_functions) {
  std::atomic<int> count{0};
  auto add = [](void* to) { ++*static_cast<std::atomic<int>*>(to); };
  for (int i = 0; i < 100; ++i) ASSERT_EQ(driver().cuLaunchHostFunc(nullptr, add, &count), CUDA_SUCCESS);
  ASSERT_EQ(driver().cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(count, 100);
}

TEST(NullDevice, says_what_it_is) {
  char name[256];
  ASSERT_EQ(driver().cuDeviceGetName(name, sizeof name, 0), CUDA_SUCCESS);
  EXPECT_STREQ(name, "Outboard null device (for measurements: computes nothing)");
}

}  // namespace
