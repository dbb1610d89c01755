// Pinned and managed memory where the device lives in this process: both sides share every address, so pinned memory
// is memory and managed memory is device memory. Over a link these still answer CUDA_ERROR_NOT_SUPPORTED.
#include <cstdlib>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace {

using client::Kind;

CUresult ready() {
  if (CUresult result = client::require_context()) return result;
  return client::in_process() ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  if (CUresult result = ready()) return result;
  if (!pp || !bytesize || Flags > 7) return CUDA_ERROR_INVALID_VALUE;
  void* block = std::aligned_alloc(4096, (bytesize + 4095) / 4096 * 4096);
  if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
  client::remember({reinterpret_cast<uint64_t>(block), bytesize, Kind::pinned, client::current(), Flags});
  *pp = block;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }

OUTBOARD_EXPORT CUresult cuMemFreeHost(void* p) {
  if (CUresult result = ready()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!range || range->kind != Kind::pinned || range->address != reinterpret_cast<uint64_t>(p)) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = remote::cuCtxSynchronize()) return result;  // the device may be reading it
  client::forget(range->address);
  std::free(p);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  if (CUresult result = ready()) return result;
  auto address = reinterpret_cast<uint64_t>(p);
  if (!p || !bytesize || Flags > 15) return CUDA_ERROR_INVALID_VALUE;
  if (client::find_range(address)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  client::remember({address, bytesize, Kind::registered, client::current(), Flags});
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostUnregister(void* p) {
  if (CUresult result = ready()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!range || range->kind != Kind::registered) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  client::forget(range->address);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  if (CUresult result = ready()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!pdptr || Flags || !range || range->kind == Kind::device) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = reinterpret_cast<CUdeviceptr>(p);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  if (CUresult result = ready()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!pFlags || !range || range->kind != Kind::pinned) return CUDA_ERROR_INVALID_VALUE;
  *pFlags = range->flags;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  if (CUresult result = ready()) return result;
  if (!dptr || !bytesize || (flags != 1 && flags != 2)) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = remote::cuMemAlloc_v2(dptr, bytesize)) return result;
  client::remember({*dptr, bytesize, Kind::managed, client::current(), flags});
  return CUDA_SUCCESS;
}
