// Launches, host functions and copies whose bytes go to the client by themselves.
#include <memory>

#include "server/cuda/worker.h"

namespace worker {

CUresult obLaunch(CUfunction function, const LaunchShape* shape, const void* parameters, size_t size, CUstream stream) {
  void* extra[] = {launch_param_buffer_pointer, const_cast<void*>(parameters), launch_param_buffer_size, &size,
                   launch_param_end};
  CUlaunchAttribute attributes[2] = {};
  CUlaunchConfig config{};
  config.gridDimX = shape->grid[0], config.gridDimY = shape->grid[1], config.gridDimZ = shape->grid[2];
  config.blockDimX = shape->block[0], config.blockDimY = shape->block[1], config.blockDimZ = shape->block[2];
  config.sharedMemBytes = shape->shared_bytes;
  config.hStream = stream;
  config.attrs = attributes;
  if (shape->cooperative) {
    attributes[config.numAttrs].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attributes[config.numAttrs++].value.cooperative = 1;
  }
  if (shape->cluster[0]) {
    auto& attribute = attributes[config.numAttrs++];
    attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim = {shape->cluster[0], shape->cluster[1], shape->cluster[2]};
  }
  if (config.numAttrs) return session().driver().cuLaunchKernelEx(&config, function, nullptr, extra);
  return session().driver().cuLaunchKernel(function, shape->grid[0], shape->grid[1], shape->grid[2], shape->block[0],
                                           shape->block[1], shape->block[2], shape->shared_bytes, stream, nullptr, extra);
}

CUresult obFunctionSetAttribute(CUfunction function, int attribute, int value) {
  return session().driver().cuFuncSetAttribute(function, static_cast<CUfunction_attribute>(attribute), value);
}

CUresult obHostFunction(CUstream stream, uint64_t callback) {
  return session().driver().cuLaunchHostFunc(
      stream, [](void* number) { session().run_host_function(reinterpret_cast<uint64_t>(number)); },
      reinterpret_cast<void*>(callback));
}

namespace {

struct Transfer {
  uint64_t number;
  size_t size;
  std::unique_ptr<std::byte[]> bytes;
};

}  // namespace

CUresult obCopyToHostAsync(uint64_t transfer, CUdeviceptr source, size_t size, CUstream stream) {
  auto* pending = new (std::nothrow) Transfer{transfer, size, nullptr};
  if (!pending) return CUDA_ERROR_OUT_OF_MEMORY;
  std::unique_ptr<Transfer> owner(pending);
  owner->bytes.reset(new (std::nothrow) std::byte[size]);
  if (!owner->bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const device::Driver& driver = session().driver();
  if (CUresult result = driver.cuMemcpyDtoHAsync_v2(owner->bytes.get(), source, size, stream)) return result;
  CUresult result = driver.cuLaunchHostFunc(
      stream,
      [](void* data) {
        std::unique_ptr<Transfer> done(static_cast<Transfer*>(data));
        session().send_data(done->number, done->bytes.get(), done->size);
      },
      pending);
  if (result == CUDA_SUCCESS) owner.release();
  return result;
}

}  // namespace worker
