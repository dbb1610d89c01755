// Launches, host functions and copies whose bytes go to the client by themselves.
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "server/cuda/pinned.h"
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
                                           shape->block[1], shape->block[2], shape->shared_bytes, stream, nullptr,
                                           extra);
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

// Staging memory of one transfer; kept for the next one, because fresh memory costs more than the copy into it.
struct Transfer {
  uint64_t number = 0;
  size_t size = 0;
  PinnedBytes bytes;
  const void* view = nullptr;  // instead of `bytes`: device memory that the processor can read
};

class Staging {
 public:
  std::unique_ptr<Transfer> take(uint64_t number, size_t size) {
    std::unique_ptr<Transfer> transfer;
    std::vector<std::unique_ptr<Transfer>> beyond;
    {
      std::lock_guard hold(lock_);
      if (!free_.empty()) transfer = std::move(free_.back()), free_.pop_back();
      while (free_.size() > most_kept) beyond.push_back(std::move(free_.back())), free_.pop_back();
    }
    if (!transfer) transfer = std::make_unique<Transfer>();
    transfer->number = number;
    transfer->size = size;
    transfer->bytes.room(size);
    return transfer;
  }
  // From a host function, which may not call the driver: so nothing is unpinned here.
  void give(std::unique_ptr<Transfer> transfer) {
    std::lock_guard hold(lock_);
    free_.push_back(std::move(transfer));
  }

 private:
  static constexpr size_t most_kept = 32;
  std::mutex lock_;
  std::vector<std::unique_ptr<Transfer>> free_;
};

Staging& staging() {  // one per worker; its threads outlive main
  static auto* made = new Staging;
  return *made;
}

}  // namespace

CUresult obCopyToHostAsync(uint64_t transfer, CUdeviceptr source, size_t size, CUstream stream) try {
  const device::Driver& driver = session().driver();
  void* view = nullptr;
  bool readable =
      driver.cuPointerGetAttribute(&view, CU_POINTER_ATTRIBUTE_HOST_POINTER, source) == CUDA_SUCCESS &&
      driver.cuPointerGetAttribute(&view, CU_POINTER_ATTRIBUTE_HOST_POINTER, source + size - 1) == CUDA_SUCCESS;
  std::unique_ptr<Transfer> owner = staging().take(transfer, readable ? 0 : size);
  Transfer* pending = owner.get();
  pending->size = size;
  pending->view = readable ? reinterpret_cast<const void*>(source) : nullptr;
  if (!readable)
    if (CUresult result = driver.cuMemcpyDtoHAsync_v2(pending->bytes.get(), source, size, stream)) return result;
  CUresult result = driver.cuLaunchHostFunc(
      stream,
      [](void* data) {
        std::unique_ptr<Transfer> done(static_cast<Transfer*>(data));
        session().send_data(done->number, done->view ? done->view : done->bytes.get(), done->size);
        staging().give(std::move(done));
      },
      pending);
  if (result == CUDA_SUCCESS) owner.release();
  return result;
} catch (const std::bad_alloc&) {
  return CUDA_ERROR_OUT_OF_MEMORY;
}

}  // namespace worker
