// What the client tells the checks of its kernels (device/device.h).
#include "server/cuda/worker.h"

namespace worker {

CUresult obCheckHostMemory(uint64_t address, size_t size) {
  const device::Checks* checks = session().checks();
  if (!checks) return CUDA_ERROR_NOT_SUPPORTED;
  checks->host_memory(address, size);
  return CUDA_SUCCESS;
}

CUresult obCheckWritten(uint64_t address, size_t size) {
  const device::Checks* checks = session().checks();
  if (!checks) return CUDA_ERROR_NOT_SUPPORTED;
  checks->written(address, size);
  return CUDA_SUCCESS;
}

CUresult obCheckBadFree(const char* function, uint64_t address) {
  const device::Checks* checks = session().checks();
  if (!checks || !function) return CUDA_ERROR_NOT_SUPPORTED;
  checks->bad_free(function, address);
  return CUDA_SUCCESS;
}

CUresult obCheckFinish(uint64_t* errors) {
  const device::Checks* checks = session().checks();
  if (!checks) return CUDA_ERROR_NOT_SUPPORTED;
  if (!errors) return CUDA_ERROR_INVALID_VALUE;
  *errors = checks->finish();
  return CUDA_SUCCESS;
}

}  // namespace worker
