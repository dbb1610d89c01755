// Memory, copies, arrays and module images through the table.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <thread>

#include "base/log.h"
#include "device/device.h"
#include "device/software/driver/state.h"

extern "C" const device::Driver* outboard_device(uint64_t memory_bytes);

namespace software {
namespace {

class EmptyProgram : public Program {
 public:
  explicit EmptyProgram(uint64_t variable) : variables_{{"counter", variable, 64, false}} {}
  const std::vector<Kernel>& kernels() const override { return kernels_; }
  const std::vector<Variable>& variables() const override { return variables_; }
  base::Result<Entry> entry(size_t, Grouping) override { return base::Error{"none"}; }
  base::Status check(size_t, Grouping) const override { return base::Done{}; }

 private:
  std::vector<Kernel> kernels_;
  std::vector<Variable> variables_;
};

}  // namespace

Grouping grouping_of(uint32_t, uint32_t, uint32_t) { return {}; }

base::Result<std::unique_ptr<Program>> compile(std::span<const std::string> texts, const Allocate& allocate) {
  uint64_t variable = allocate(64, 8);
  if (texts.front().find("broken") != std::string::npos) return base::Error{"line 7: unknown instruction 'broken'"};
  return std::unique_ptr<Program>(new EmptyProgram(variable));
}

namespace {

struct MemoryTest : testing::Test {
  MemoryTest() : driver(*outboard_device(uint64_t{256} << 20)) {
    base::set_level(base::Level::error);
    EXPECT_EQ(driver.cuCtxCreate_v2(&context, 0, 0), CUDA_SUCCESS);
  }
  ~MemoryTest() override {
    EXPECT_EQ(driver.cuCtxDestroy_v2(context), CUDA_SUCCESS);
    EXPECT_EQ(device().memory->used(), 0u);
  }
  CUdeviceptr allocate(size_t size) {
    CUdeviceptr pointer = 0;
    EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, size), CUDA_SUCCESS);
    return pointer;
  }
  // The bytes 0, 1, 2, ... on the device.
  CUdeviceptr counted(size_t size) {
    std::vector<uint8_t> bytes(size);
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    CUdeviceptr pointer = allocate(size);
    EXPECT_EQ(driver.cuMemcpyHtoD_v2(pointer, bytes.data(), size), CUDA_SUCCESS);
    return pointer;
  }
  const device::Driver& driver;
  CUcontext context = nullptr;
};

TEST_F(MemoryTest, LimitsAndInformation) {
  size_t free = 0, total = 0;
  CUdeviceptr pointer;
  EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, size_t{1} << 40), CUDA_ERROR_OUT_OF_MEMORY);
  allocate(1 << 20);
  EXPECT_EQ(driver.cuMemGetInfo_v2(&free, &total), CUDA_SUCCESS);
  EXPECT_EQ(total, size_t{256} << 20);
  EXPECT_EQ(free, total - (1 << 20));
}

TEST_F(MemoryTest, CopiesStayInsideAllocations) {
  CUdeviceptr pointer = allocate(100), other = allocate(100);
  char host[200] = {};
  EXPECT_EQ(driver.cuMemcpyHtoD_v2(pointer, host, 101), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemcpyDtoH_v2(host, pointer + 50, 51), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemcpyDtoD_v2(pointer, other, 101), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemcpyHtoD_v2(0x1234, host, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemcpyDtoH_v2(nullptr, pointer, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemcpyHtoD_v2(pointer, reinterpret_cast<void*>(0x1000), 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemcpyDtoH_v2(host, pointer + 50, 50), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemcpyDtoH_v2(host, 0, 0), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemsetD8_v2(pointer, 0, 101), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemsetD32_v2(pointer + 1, 0, 1), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(MemoryTest, LargeCopiesGoThroughStreams) {
  constexpr size_t size = 5 << 20;
  CUstream stream;
  EXPECT_EQ(driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  CUdeviceptr a = allocate(size), b = allocate(size);
  EXPECT_EQ(driver.cuMemsetD32Async(a, 0x01020304, size / 4, stream), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemcpyDtoDAsync_v2(b, a, size, stream), CUDA_SUCCESS);
  std::vector<uint32_t> host(size / 4);
  EXPECT_EQ(driver.cuMemcpyDtoHAsync_v2(host.data(), b, size, stream), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamSynchronize(stream), CUDA_SUCCESS);
  for (uint32_t value : host) ASSERT_EQ(value, 0x01020304u);
}

TEST_F(MemoryTest, FillsOfRows) {
  CUdeviceptr pointer = allocate(64 * 4);
  EXPECT_EQ(driver.cuMemsetD8_v2(pointer, 0, 256), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemsetD2D16_v2(pointer, 64, 0xabcd, 5, 3), CUDA_SUCCESS);
  auto* value = reinterpret_cast<uint16_t*>(pointer);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 32; ++x) ASSERT_EQ(value[y * 32 + x], y < 3 && x < 5 ? 0xabcd : 0) << x << " " << y;
  EXPECT_EQ(driver.cuMemsetD2D16_v2(pointer, 8, 1, 5, 3), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemsetD2D16_v2(pointer, 64, 1, 5, 5), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(MemoryTest, BoxesBetweenPitches) {
  CUdeviceptr source = counted(256);  // 16 x 4 x 4
  std::vector<uint8_t> host(3 * 2 * 2, 0xff);
  CUDA_MEMCPY3D box{};
  box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcDevice = source;
  box.srcPitch = 16;
  box.srcHeight = 4;
  box.srcXInBytes = 2;
  box.srcY = 1;
  box.srcZ = 2;
  box.dstMemoryType = CU_MEMORYTYPE_HOST;
  box.dstHost = host.data();
  box.dstPitch = 3;
  box.dstHeight = 2;
  box.WidthInBytes = 3;
  box.Height = box.Depth = 2;
  EXPECT_EQ(driver.cuMemcpy3D_v2(&box), CUDA_SUCCESS);
  std::vector<uint8_t> expected;
  for (int z = 2; z < 4; ++z)
    for (int y = 1; y < 3; ++y)
      for (int x = 2; x < 5; ++x) expected.push_back(static_cast<uint8_t>(z * 64 + y * 16 + x));
  EXPECT_EQ(host, expected);
  box.srcZ = 3;
  EXPECT_EQ(driver.cuMemcpy3D_v2(&box), CUDA_ERROR_INVALID_VALUE);
  box.srcZ = SIZE_MAX;
  EXPECT_EQ(driver.cuMemcpy3D_v2(&box), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(MemoryTest, ArraysKeepTheirShape) {
  CUDA_ARRAY_DESCRIPTOR shape{8, 4, CU_AD_FORMAT_FLOAT, 1}, seen{};
  CUarray array = nullptr;
  EXPECT_EQ(driver.cuArrayCreate_v2(&array, &shape), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuArrayGetDescriptor_v2(&seen, array), CUDA_SUCCESS);
  EXPECT_EQ(seen.Width, 8u);
  std::vector<float> in(32), out(32);
  std::iota(in.begin(), in.end(), 0.0f);
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = in.data();
  copy.srcPitch = 32;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.WidthInBytes = 32;
  copy.Height = 4;
  EXPECT_EQ(driver.cuMemcpy2D_v2(&copy), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemcpyAtoH_v2(out.data(), array, 4, 28), CUDA_SUCCESS);
  EXPECT_EQ(out[6], 7.0f);
  copy.Height = 5;
  EXPECT_EQ(driver.cuMemcpy2D_v2(&copy), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuArrayDestroy(array), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuArrayDestroy(array), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(MemoryTest, PointersKnowWhatTheyAre) {
  CUdeviceptr managed = 0, base = 0;
  size_t size = 0, pitch = 0;
  EXPECT_EQ(driver.cuMemAllocManaged(&managed, 1000, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
  unsigned is_managed = 0;
  EXPECT_EQ(driver.cuPointerGetAttribute(&is_managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, managed + 5), CUDA_SUCCESS);
  EXPECT_EQ(is_managed, 1u);
  EXPECT_EQ(driver.cuMemGetAddressRange_v2(&base, &size, managed + 999), CUDA_SUCCESS);
  EXPECT_EQ(base, managed);
  EXPECT_EQ(size, 1000u);
  EXPECT_EQ(driver.cuPointerGetAttribute(&is_managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, 0x10), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemAllocPitch_v2(&base, &pitch, 100, 10, 4), CUDA_SUCCESS);
  EXPECT_EQ(pitch, 512u);
  EXPECT_EQ(driver.cuMemFree_v2(managed + 512), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemFree_v2(managed), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemFree_v2(managed), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(MemoryTest, ImagesOfEveryKind) {
  CUmodule module = nullptr;
  CUdeviceptr address = 0;
  size_t size = 0;
  EXPECT_EQ(driver.cuModuleLoadData(&module, ".version 8.0\n"), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuModuleGetGlobal_v2(&address, &size, module, "counter"), CUDA_SUCCESS);
  EXPECT_EQ(size, 64u);
  EXPECT_EQ(driver.cuModuleGetGlobal_v2(&address, &size, module, "nothing"), CUDA_ERROR_NOT_FOUND);
  CUfunction function;
  EXPECT_EQ(driver.cuModuleGetFunction(&function, module, "nothing"), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(driver.cuMemFree_v2(address), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuModuleUnload(module), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);

  testing::internal::CaptureStderr();
  const uint64_t cubin[8] = {0x00010102464c457f};
  EXPECT_EQ(driver.cuModuleLoadData(&module, cubin), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(driver.cuModuleLoadData(&module, "not an image"), CUDA_ERROR_INVALID_IMAGE);
  const uint64_t empty_fatbin[2] = {0x00100001ba55ed50, 0};
  EXPECT_EQ(driver.cuModuleLoadData(&module, empty_fatbin), CUDA_ERROR_NO_BINARY_FOR_GPU);
  const uint64_t damaged_fatbin[3] = {0x00100001ba55ed50, 8, 1};
  EXPECT_EQ(driver.cuModuleLoadFatBinary(&module, damaged_fatbin), CUDA_ERROR_INVALID_IMAGE);
  testing::internal::GetCapturedStderr();
}

TEST_F(MemoryTest, CompilersMessageReachesTheJitLog) {
  char log[64] = "untouched";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  CUmodule module;
  testing::internal::CaptureStderr();
  EXPECT_EQ(driver.cuModuleLoadDataEx(&module, ".version 8.0 broken", 2, options, values), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("line 7"), std::string::npos);
  EXPECT_STREQ(log, "line 7: unknown instruction 'broken'");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(values[1]), std::strlen(log) + 1);
}

TEST_F(MemoryTest, LimitsOfAContext) {
  size_t value = 0;
  EXPECT_EQ(driver.cuCtxGetLimit(&value, CU_LIMIT_MALLOC_HEAP_SIZE), CUDA_SUCCESS);
  EXPECT_EQ(value, size_t{8} << 20);
  EXPECT_EQ(driver.cuCtxSetLimit(CU_LIMIT_MALLOC_HEAP_SIZE, 1 << 20), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuCtxGetLimit(&value, CU_LIMIT_MALLOC_HEAP_SIZE), CUDA_SUCCESS);
  EXPECT_EQ(value, size_t{1} << 20);
  EXPECT_EQ(driver.cuCtxGetLimit(&value, CU_LIMIT_SHMEM_SIZE), CUDA_ERROR_UNSUPPORTED_LIMIT);
  EXPECT_EQ(driver.cuCtxGetLimit(&value, CU_LIMIT_CIG_ENABLED), CUDA_SUCCESS);
  EXPECT_EQ(value, 0u);
  EXPECT_EQ(driver.cuCtxSetLimit(CU_LIMIT_CIG_ENABLED, 1), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace software
