// The driver from the table down, with kernels written by hand in place of compiled PTX.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "device/device.h"
#include "device/software/driver/state.h"

extern "C" const device::Driver* outboard_device(uint64_t memory_bytes);

namespace software {
namespace {

std::atomic<bool> gate;  // what the kernel `wait` waits for

struct AddParameters {
  uint32_t* data;
  uint32_t value;
  uint32_t count;
};

template <class Parameters>
const Parameters& parameters(Warp* warp) {
  return *reinterpret_cast<const Parameters*>(warp->launch->parameters);
}

// data[i] += value
void add(Warp* warp) {
  const auto& p = parameters<AddParameters>(warp);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t i = warp->block_index[0] * warp->launch->block[0] + warp->first_thread + lane;
    if ((warp->lanes >> lane & 1) && i < p.count) p.data[i] += p.value;
  }
}
// All its threads write to one address that nobody has: what they do there is no race.
__attribute__((no_sanitize("thread"))) void fault(Warp*) { *reinterpret_cast<volatile int*>(0x7e9000000000) = 1; }
void fail_assert(Warp* warp) { outboard_assert(warp, 1, "false", "k.cu", 3, "void k()"); }
void print(Warp* warp) {
  uint32_t argument[1] = {warp->block_index[0]};
  outboard_printf(warp, 0, "from %u\n", reinterpret_cast<const uint8_t*>(argument));
}
void wait(Warp* warp) {
  while (!gate) outboard_yield(warp);
}

// Stands in for codegen: text that names "broken" does not compile; every other has the kernels above.
class FakeProgram : public Program {
 public:
  explicit FakeProgram(uint64_t variable) : variables_{{"counter", variable, 64, false}} {
    for (const char* name : {"add", "fault", "fail_assert", "print", "wait", "uncompilable"}) {
      Kernel kernel;
      kernel.name = name;
      kernels_.push_back(kernel);
    }
    kernels_[0].parameter_offsets = {0, 8, 12};
    kernels_[0].parameter_sizes = {8, 4, 4};
    kernels_[0].parameter_bytes = 16;
    kernels_[1].max_threads = 64;
  }
  const std::vector<Kernel>& kernels() const override { return kernels_; }
  const std::vector<Variable>& variables() const override { return variables_; }
  base::Status check(size_t, Grouping) const override { return base::Done{}; }
  base::Result<Entry> entry(size_t kernel, Grouping) override {
    constexpr KernelEntry entries[] = {add, fault, fail_assert, print, wait};
    if (kernel >= std::size(entries)) return base::Error{"kernel uncompilable, line 1: unsupported instruction 'x'"};
    return Entry{entries[kernel]};
  }

 private:
  std::vector<Kernel> kernels_;
  std::vector<Variable> variables_;
};

}  // namespace

Grouping grouping_of(uint32_t, uint32_t, uint32_t) { return {}; }

base::Result<std::unique_ptr<Program>> compile(std::span<const std::string> texts, const Allocate& allocate) {
  if (texts.front().find("broken") != std::string::npos) return base::Error{"line 7: unknown instruction 'broken'"};
  return std::unique_ptr<Program>(new FakeProgram(allocate(64, 8)));
}

namespace {

constexpr char ptx[] = ".version 8.0\n.target sm_75\n";
constexpr uint64_t total_memory = uint64_t{256} << 20;

struct DriverTest : testing::Test {
  DriverTest() : driver(*outboard_device(total_memory)) {
    base::set_level(base::Level::error);
    gate = false;
    EXPECT_EQ(driver.cuCtxCreate_v2(&context, 0, 0), CUDA_SUCCESS);
    EXPECT_EQ(driver.cuModuleLoadData(&module, ptx), CUDA_SUCCESS);
  }
  ~DriverTest() override {
    gate = true;
    EXPECT_EQ(driver.cuCtxDestroy_v2(context), CUDA_SUCCESS);
    EXPECT_EQ(device().memory->used(), 0u);
  }
  CUfunction function(const char* name) {
    CUfunction found = nullptr;
    EXPECT_EQ(driver.cuModuleGetFunction(&found, module, name), CUDA_SUCCESS);
    return found;
  }
  CUdeviceptr allocate(size_t size) {
    CUdeviceptr pointer = 0;
    EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, size), CUDA_SUCCESS);
    return pointer;
  }
  CUresult launch(const char* name, unsigned grid, unsigned block, CUstream stream = nullptr,
                  void** arguments = nullptr) {
    return driver.cuLaunchKernel(function(name), grid, 1, 1, block, 1, 1, 0, stream, arguments, nullptr);
  }
  CUresult launch_add(CUdeviceptr data, uint32_t value, uint32_t count, CUstream stream = nullptr) {
    void* arguments[] = {&data, &value, &count};
    return launch("add", (count + 127) / 128, 128, stream, arguments);
  }
  CUstream stream(unsigned flags = CU_STREAM_NON_BLOCKING) {
    CUstream made = nullptr;
    EXPECT_EQ(driver.cuStreamCreate(&made, flags), CUDA_SUCCESS);
    return made;
  }
  const device::Driver& driver;
  CUcontext context = nullptr;
  CUmodule module = nullptr;
};

TEST_F(DriverTest, EveryRowIsFilled) {
#define ROW(since, name, params) EXPECT_NE(driver.name, nullptr) << #name;
#include "api/cuda/cuda.def"
  EXPECT_EQ(driver.cuGraphCreate(nullptr, 0), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(outboard_device(0), &driver);
}

TEST_F(DriverTest, OneDeviceOfTheClaimedCapability) {
  int count = 0, major = 0, threads = 0, unknown = 7;
  EXPECT_EQ(driver.cuDeviceGetCount(&count), CUDA_SUCCESS);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(driver.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0), CUDA_SUCCESS);
  EXPECT_EQ(major, claimed_capability().major);
  EXPECT_EQ(driver.cuDeviceGetAttribute(&threads, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 0), CUDA_SUCCESS);
  EXPECT_EQ(threads, 1024);
  EXPECT_EQ(driver.cuDeviceGetAttribute(&unknown, CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED, 0), CUDA_SUCCESS);
  EXPECT_EQ(unknown, 0);
  EXPECT_EQ(driver.cuDeviceGetAttribute(&unknown, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 1), CUDA_ERROR_INVALID_DEVICE);
  char name[256];
  EXPECT_EQ(driver.cuDeviceGetName(name, sizeof name, 0), CUDA_SUCCESS);
  EXPECT_EQ(std::string(name).find("Outboard software GPU ("), 0u);
  EXPECT_EQ(driver.cuDeviceGetName(name, 9, 0), CUDA_SUCCESS);
  EXPECT_STREQ(name, "Outboard");
}

TEST_F(DriverTest, KernelBetweenCopies) {
  std::vector<uint32_t> host(1000);
  for (uint32_t i = 0; i < 1000; ++i) host[i] = i;
  CUdeviceptr data = allocate(4000);
  EXPECT_EQ(driver.cuMemcpyHtoD_v2(data, host.data(), 4000), CUDA_SUCCESS);
  EXPECT_EQ(launch_add(data, 5, 1000), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemcpyDtoH_v2(host.data(), data, 4000), CUDA_SUCCESS);
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(host[i], i + 5);
  EXPECT_EQ(driver.cuMemFree_v2(data), CUDA_SUCCESS);
}

TEST_F(DriverTest, ParametersInOneBuffer) {
  CUdeviceptr data = allocate(512);
  EXPECT_EQ(driver.cuMemsetD32_v2(data, 1, 128), CUDA_SUCCESS);
  struct {
    CUdeviceptr data;
    uint32_t value, count;
  } buffer{data, 2, 128};
  size_t size = sizeof buffer;
  void* extra[] = {reinterpret_cast<void*>(1), &buffer, reinterpret_cast<void*>(2), &size, nullptr};
  EXPECT_EQ(driver.cuLaunchKernel(function("add"), 1, 1, 1, 128, 1, 1, 0, nullptr, nullptr, extra), CUDA_SUCCESS);
  uint32_t last = 0;
  EXPECT_EQ(driver.cuMemcpyDtoH_v2(&last, data + 508, 4), CUDA_SUCCESS);
  EXPECT_EQ(last, 3u);
  size = 8;
  EXPECT_EQ(driver.cuLaunchKernel(function("add"), 1, 1, 1, 128, 1, 1, 0, nullptr, nullptr, extra),
            CUDA_ERROR_INVALID_VALUE);
}

TEST_F(DriverTest, ImpossibleLaunchesAreRefused) {
  EXPECT_EQ(launch("print", 0, 32), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch("print", 1, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch("print", 1, 1025), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch("fault", 1, 65), CUDA_ERROR_INVALID_VALUE);  // .maxntid 64
  EXPECT_EQ(launch("add", 1, 32), CUDA_ERROR_INVALID_VALUE);    // no parameters
  CUfunction print = function("print");
  EXPECT_EQ(driver.cuLaunchKernel(print, 1, 65536, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuLaunchKernel(print, 1, 1, 1, 1, 1, 1, 49153, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuFuncSetAttribute(print, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 << 10), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuLaunchKernel(print, 1, 1, 1, 1, 1, 1, 49153, nullptr, nullptr, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuLaunchKernel(reinterpret_cast<CUfunction>(this), 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
  testing::internal::CaptureStdout();
  EXPECT_EQ(driver.cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "from 0\n");
}

TEST_F(DriverTest, KernelThatDoesNotCompileSaysWhy) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch("uncompilable", 1, 32), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("unsupported instruction 'x'"), std::string::npos);
  EXPECT_EQ(driver.cuCtxSynchronize(), CUDA_SUCCESS);
}

TEST_F(DriverTest, FaultSticks) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch("fault", 4, 64), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  testing::internal::GetCapturedStderr();
  CUdeviceptr pointer;
  EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, 16), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(driver.cuStreamQuery(nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUcontext other;  // another context is not affected
  EXPECT_EQ(driver.cuCtxCreate_v2(&other, 0, 0), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, 16), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuCtxDestroy_v2(other), CUDA_SUCCESS);
}

TEST_F(DriverTest, AssertIsWrittenWhenTheProgramSynchronises) {
  EXPECT_EQ(launch("fail_assert", 1, 32), CUDA_SUCCESS);
  testing::internal::CaptureStderr();
  EXPECT_EQ(driver.cuStreamSynchronize(nullptr), CUDA_ERROR_ASSERT);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(
                "k.cu:3: void k(): block: [0,0,0], thread: [1,0,0] Assertion `false` failed.\n"),
            std::string::npos);
}

TEST_F(DriverTest, PrintedTextIsThereAfterSynchronising) {
  EXPECT_EQ(launch("print", 3, 32), CUDA_SUCCESS);
  testing::internal::CaptureStdout();
  EXPECT_EQ(driver.cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "from 0\nfrom 1\nfrom 2\n");
}

TEST_F(DriverTest, StreamsRunSideBySideAndInOrderEach) {
  CUstream a = stream(), b = stream();
  CUdeviceptr data = allocate(512);
  EXPECT_EQ(driver.cuMemsetD32_v2(data, 0, 128), CUDA_SUCCESS);
  EXPECT_EQ(launch("wait", 1, 32, a), CUDA_SUCCESS);
  EXPECT_EQ(launch_add(data, 1, 128, a), CUDA_SUCCESS);
  EXPECT_EQ(launch_add(data, 10, 128, b), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamSynchronize(b), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamQuery(a), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(*reinterpret_cast<volatile uint32_t*>(data), 10u);
  gate = true;
  EXPECT_EQ(driver.cuStreamSynchronize(a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamQuery(a), CUDA_SUCCESS);
  EXPECT_EQ(*reinterpret_cast<volatile uint32_t*>(data), 11u);
}

TEST_F(DriverTest, LegacyStreamWaitsForBlockingStreams) {
  CUstream blocking = stream(CU_STREAM_DEFAULT), other = stream(CU_STREAM_DEFAULT), free = stream();
  EXPECT_EQ(launch("wait", 1, 32, blocking), CUDA_SUCCESS);
  EXPECT_EQ(launch("wait", 1, 32, nullptr), CUDA_SUCCESS);  // after `blocking`
  CUdeviceptr data = 0;
  EXPECT_EQ(driver.cuMemAllocAsync(&data, 512, free), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMemsetD8Async(data, 0, 512, free), CUDA_SUCCESS);
  EXPECT_EQ(launch_add(data, 1, 128, other), CUDA_SUCCESS);  // after the legacy stream
  EXPECT_EQ(driver.cuStreamQuery(other), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(driver.cuStreamQuery(nullptr), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(driver.cuStreamSynchronize(free), CUDA_SUCCESS);
  gate = true;
  EXPECT_EQ(driver.cuStreamSynchronize(other), CUDA_SUCCESS);
  EXPECT_EQ(*reinterpret_cast<volatile uint32_t*>(data), 1u);
}

TEST_F(DriverTest, EventsOrderAndTime) {
  CUstream a = stream(), b = stream();
  CUevent start, end, unrecorded;
  for (CUevent* event : {&start, &end, &unrecorded}) EXPECT_EQ(driver.cuEventCreate(event, 0), CUDA_SUCCESS);
  CUdeviceptr data = allocate(512);
  EXPECT_EQ(driver.cuEventRecord(start, a), CUDA_SUCCESS);
  EXPECT_EQ(launch("wait", 1, 32, a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuEventRecord(end, a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamWaitEvent(b, end, 0), CUDA_SUCCESS);
  EXPECT_EQ(launch_add(data, 1, 128, b), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuEventQuery(start), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuEventQuery(end), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(driver.cuStreamQuery(b), CUDA_ERROR_NOT_READY);
  float milliseconds = -1;
  EXPECT_EQ(driver.cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_NOT_READY);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  gate = true;
  EXPECT_EQ(driver.cuEventSynchronize(end), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuEventElapsedTime(&milliseconds, start, end), CUDA_SUCCESS);
  EXPECT_GE(milliseconds, 5.0f);
  EXPECT_EQ(driver.cuEventElapsedTime(&milliseconds, start, unrecorded), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(driver.cuStreamSynchronize(b), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuEventDestroy_v2(end), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuEventDestroy_v2(end), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(DriverTest, PageableSourceMayChangeAtOnce) {
  CUstream a = stream();
  CUdeviceptr data = allocate(16);
  EXPECT_EQ(launch("wait", 1, 32, a), CUDA_SUCCESS);
  uint32_t value = 42;
  EXPECT_EQ(driver.cuMemcpyHtoDAsync_v2(data, &value, 4, a), CUDA_SUCCESS);
  value = 0;
  gate = true;
  uint32_t back = 0;
  EXPECT_EQ(driver.cuMemcpyDtoHAsync_v2(&back, data, 4, a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamSynchronize(a), CUDA_SUCCESS);
  EXPECT_EQ(back, 42u);
}

TEST_F(DriverTest, StreamMayGoBeforeItsWork) {
  CUstream a = stream(CU_STREAM_DEFAULT);
  CUdeviceptr data = allocate(512);
  EXPECT_EQ(driver.cuMemsetD8_v2(data, 0, 512), CUDA_SUCCESS);
  EXPECT_EQ(launch("wait", 1, 32, a), CUDA_SUCCESS);
  EXPECT_EQ(launch_add(data, 3, 128, a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamDestroy_v2(a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamQuery(a), CUDA_ERROR_INVALID_HANDLE);
  gate = true;
  EXPECT_EQ(driver.cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(*reinterpret_cast<volatile uint32_t*>(data), 3u);
}

TEST_F(DriverTest, HostFunctionsRunInTurnAndMayNotCallTheDriver) {
  struct Seen {
    const device::Driver* driver;
    std::atomic<int> calls{0};
    CUresult inside = CUDA_SUCCESS;
  } seen{&driver, {}, CUDA_SUCCESS};
  CUstream a = stream();
  EXPECT_EQ(launch("wait", 1, 32, a), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuLaunchHostFunc(
                a,
                [](void* data) {
                  auto& s = *static_cast<Seen*>(data);
                  ++s.calls;
                  s.inside = s.driver->cuCtxSynchronize();
                },
                &seen),
            CUDA_SUCCESS);
  EXPECT_EQ(driver.cuStreamAddCallback(
                a,
                [](CUstream, CUresult result, void* data) {
                  if (result == CUDA_SUCCESS) ++static_cast<Seen*>(data)->calls;
                },
                &seen, 0),
            CUDA_SUCCESS);
  EXPECT_EQ(seen.calls, 0);
  gate = true;
  EXPECT_EQ(driver.cuStreamSynchronize(a), CUDA_SUCCESS);
  EXPECT_EQ(seen.calls, 2);
  EXPECT_EQ(seen.inside, CUDA_ERROR_NOT_PERMITTED);
}

TEST_F(DriverTest, CooperativeLaunchesHaveALimit) {
  CUfunction print = function("wait");
  EXPECT_EQ(driver.cuLaunchCooperativeKernel(print, 1u << 20, 1, 1, 1024, 1, 1, 0, nullptr, nullptr),
            CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  gate = true;
  EXPECT_EQ(driver.cuLaunchCooperativeKernel(print, 2, 1, 1, 64, 1, 1, 0, nullptr, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuCtxSynchronize(), CUDA_SUCCESS);
}

TEST_F(DriverTest, PrimaryContextComesAndGoes) {
  CUcontext primary = nullptr;
  int active = 1;
  EXPECT_EQ(driver.cuDevicePrimaryCtxGetState(0, nullptr, &active), CUDA_SUCCESS);
  EXPECT_EQ(active, 0);
  EXPECT_EQ(driver.cuDevicePrimaryCtxRetain(&primary, 0), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuCtxPushCurrent_v2(primary), CUDA_SUCCESS);
  allocate(100);
  EXPECT_EQ(driver.cuDevicePrimaryCtxRelease_v2(0), CUDA_SUCCESS);
  CUdeviceptr pointer;
  EXPECT_EQ(driver.cuMemAlloc_v2(&pointer, 1), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  EXPECT_EQ(driver.cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(driver.cuDevicePrimaryCtxRetain(&primary, 0), CUDA_SUCCESS);
  pointer = allocate(1);
  EXPECT_EQ(driver.cuDevicePrimaryCtxReset_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuCtxPopCurrent_v2(nullptr), CUDA_SUCCESS);
}

TEST_F(DriverTest, ThreadsWithoutAContextAreTold) {
  CUresult result = CUDA_SUCCESS;
  std::thread([&] {
    CUdeviceptr pointer;
    result = driver.cuMemAlloc_v2(&pointer, 1);
  }).join();
  EXPECT_EQ(result, CUDA_ERROR_INVALID_CONTEXT);
}

}  // namespace
}  // namespace software
