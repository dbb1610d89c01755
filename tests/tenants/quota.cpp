// Every way to get device memory counts against a virtual GPU's quota: quota MIB, with nothing else in its sessions.
// quota MIB hold: takes half of it, says so, and keeps it until standard input ends.
// quota MIB churn: the same, and allocates and frees a little meanwhile, without an end.
// quota MIB fill: takes all that is left but four mebibytes, and is refused eight more.
#include <poll.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "tests/check/driver.h"

using driver::call, driver::try_to;

namespace {

constexpr size_t mib = size_t{1} << 20;
size_t quota = 0;
int failures = 0;

void expect(bool good, const char* what) {
  if (!good) std::printf("FAILED: %s\n", what), ++failures;
}

size_t left() {
  size_t free = 0, total = 0;
  call("cuMemGetInfo_v2", &free, &total);
  expect(total == quota, "cuMemGetInfo says the quota");
  return free;
}

// Takes a quarter of the quota in one way; gives back what undoes it.
using Way = std::function<CUresult(size_t bytes, std::function<void()>& undo)>;

void check(const char* what, const Way& way) {
  const size_t before = left(), quarter = quota / 4;
  std::vector<std::function<void()>> undo;
  CUresult result = CUDA_SUCCESS;
  while (undo.size() < 6 && result == CUDA_SUCCESS) {
    std::function<void()> back;
    result = way(quarter, back);
    if (result == CUDA_SUCCESS) undo.push_back(back);
  }
  std::printf("%s: %zu quarters, then %d\n", what, undo.size(), static_cast<int>(result));
  expect(result == CUDA_ERROR_OUT_OF_MEMORY, what);
  expect(undo.size() == 4, what);
  expect(left() == before - 4 * quarter, what);
  for (auto& back : undo) back();
  call("cuCtxSynchronize");
  expect(left() == before, what);
}

CUresult allocate(size_t bytes, std::function<void()>& undo) {
  CUdeviceptr address = 0;
  CUresult result = try_to("cuMemAlloc_v2", &address, bytes);
  undo = [=] { call("cuMemFree_v2", address); };
  return result;
}

CUresult allocate_pitched(size_t bytes, std::function<void()>& undo) {
  CUdeviceptr address = 0;
  size_t pitch = 0;
  CUresult result = try_to("cuMemAllocPitch_v2", &address, &pitch, size_t{4096}, bytes / 4096, 4u);
  undo = [=] { call("cuMemFree_v2", address); };
  return result;
}

CUresult allocate_managed(size_t bytes, std::function<void()>& undo) {
  CUdeviceptr address = 0;
  CUresult result = try_to("cuMemAllocManaged", &address, bytes, 1u);
  undo = [=] { call("cuMemFree_v2", address); };
  return result;
}

CUresult allocate_in_stream(size_t bytes, std::function<void()>& undo) {
  CUdeviceptr address = 0;
  CUresult result = try_to("cuMemAllocAsync", &address, bytes, CUstream{});
  undo = [=] { call("cuMemFreeAsync", address, CUstream{}); };
  return result;
}

CUresult allocate_from_pool(size_t bytes, std::function<void()>& undo) {
  CUmemoryPool pool = nullptr;
  CUdeviceptr address = 0;
  call("cuDeviceGetDefaultMemPool", &pool, 0);
  CUresult result = try_to("cuMemAllocFromPoolAsync", &address, bytes, pool, CUstream{});
  undo = [=] { call("cuMemFreeAsync", address, CUstream{}); };
  return result;
}

CUresult allocate_array(size_t bytes, std::function<void()>& undo) {
  CUDA_ARRAY_DESCRIPTOR shape{};
  shape.Width = 1024;
  shape.Height = bytes / 4096;
  shape.Format = CU_AD_FORMAT_UNSIGNED_INT32;
  shape.NumChannels = 1;
  CUarray array = nullptr;
  CUresult result = try_to("cuArrayCreate_v2", &array, &shape);
  undo = [=] { call("cuArrayDestroy", array); };
  return result;
}

CUresult allocate_mapped(size_t bytes, std::function<void()>& undo) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  CUmemGenericAllocationHandle handle = 0;
  CUresult result = try_to("cuMemCreate", &handle, bytes, &properties, 0ull);
  undo = [=] { call("cuMemRelease", handle); };
  return result;
}

CUresult allocate_in_module(size_t bytes, std::function<void()>& undo) {
  std::string text = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .global .align 8 .b8 room[" +
                     std::to_string(bytes) + "];\n.visible .entry k()\n{\nret;\n}\n";
  CUmodule module = nullptr;
  CUresult result = try_to("cuModuleLoadData", &module, static_cast<const void*>(text.c_str()));
  undo = [=] { call("cuModuleUnload", module); };
  return result;
}

// In two contexts: the quota is the process's, not the context's.
CUresult allocate_elsewhere(size_t bytes, std::function<void()>& undo) {
  CUcontext context = nullptr, before = nullptr;
  CUdeviceptr address = 0;
  call("cuCtxGetCurrent", &before);
  call("cuCtxCreate_v2", &context, 0u, 0);
  CUresult result = try_to("cuMemAlloc_v2", &address, bytes);
  call("cuCtxSetCurrent", before);
  undo = [=] { call("cuCtxDestroy_v2", context); };
  if (result) undo();
  return result;
}

int hold() {
  CUdeviceptr address = 0;
  call("cuMemAlloc_v2", &address, quota / 2);
  std::printf("held\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

// A tenth of a second after it has said so, half of the quota and a little are all that it has.
int churn() {
  CUdeviceptr address = 0, part = 0;
  call("cuMemAlloc_v2", &address, quota / 2);
  std::printf("held\n");
  std::fflush(stdout);
  for (pollfd input{0, POLLIN, 0}; poll(&input, 1, 0) == 0;) {
    for (int i = 0; i < 1000; ++i) {
      call("cuMemAlloc_v2", &part, size_t{4096});
      call("cuMemFree_v2", part);
    }
    call("cuMemsetD8_v2", address, static_cast<unsigned char>(1), size_t{4096});
    call("cuCtxSynchronize");
  }
  return 0;
}

int fill() {
  CUdeviceptr address = 0;
  const size_t rest = quota / 2 - 4 * mib;  // the other session's little may take a block of a GPU's
  expect(try_to("cuMemAlloc_v2", &address, rest) == CUDA_SUCCESS, "what another session was lent and has not used");
  expect(try_to("cuMemAlloc_v2", &address, 8 * mib) == CUDA_ERROR_OUT_OF_MEMORY, "more than is left");
  expect(left() <= 4 * mib, "what is left then");
  return failures != 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  quota = std::strtoull(arguments[1], nullptr, 10) * mib;
  CUcontext context = nullptr;
  size_t total = 0;
  call("cuInit", 0u);
  call("cuDeviceTotalMem_v2", &total, 0);
  expect(total == quota, "cuDeviceTotalMem says the quota");
  call("cuDevicePrimaryCtxRetain", &context, 0);
  call("cuCtxSetCurrent", context);
  if (count > 2 && !std::strcmp(arguments[2], "hold")) return hold();
  if (count > 2 && !std::strcmp(arguments[2], "churn")) return churn();
  if (count > 2 && !std::strcmp(arguments[2], "fill")) return fill();
  if (count > 2) return std::printf("left: %zu MiB\n", left() / mib), failures != 0;
  check("cuMemAlloc", allocate);
  check("cuMemAllocPitch", allocate_pitched);
  check("cuMemAllocManaged", allocate_managed);
  check("cuMemAllocAsync", allocate_in_stream);
  check("cuMemAllocFromPoolAsync", allocate_from_pool);
  check("cuArrayCreate", allocate_array);
  check("cuMemCreate", allocate_mapped);
  check("cuModuleLoadData", allocate_in_module);
  check("cuCtxCreate", allocate_elsewhere);
  return failures != 0;
}
