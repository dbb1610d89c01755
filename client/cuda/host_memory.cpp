// Pinned and managed memory. Where the device lives in this process both sides share every address, so pinned memory
// is memory and managed memory is device memory. Over a link both sides have the block at the same address, and
// coherence.cpp keeps the two alike.
#include <cstdlib>

#include "client/cuda/capture.h"
#include "client/cuda/checking.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace {

using client::Kind;

constexpr unsigned map_flag = 2;  // CU_MEMHOSTALLOC_DEVICEMAP, CU_MEMHOSTREGISTER_DEVICEMAP

CUresult ready() { return client::require_context(); }
// For what may wait for the device.
CUresult ready_to_wait() {
  if (CUresult result = client::require_context()) return result;
  return client::check_unsafe_call();
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  if (CUresult result = ready_to_wait()) return result;
  if (!pp || !bytesize || Flags > 7) return CUDA_ERROR_INVALID_VALUE;
  void* block = nullptr;
  if (client::in_process())
    block = std::aligned_alloc(4096, (bytesize + 4095) / 4096 * 4096);
  else if (CUresult result = client::share_pinned(&block, bytesize, Flags & map_flag))
    return result;
  if (!block) return CUDA_ERROR_OUT_OF_MEMORY;
  client::remember({reinterpret_cast<uint64_t>(block), bytesize, Kind::pinned, client::current(), Flags});
  *pp = block;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }

OUTBOARD_EXPORT CUresult cuMemFreeHost(void* p) {
  if (CUresult result = ready_to_wait()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!range || range->kind != Kind::pinned || range->address != reinterpret_cast<uint64_t>(p)) {
    if (p) client::check_bad_free("cuMemFreeHost", reinterpret_cast<uint64_t>(p));
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (CUresult result = remote::cuCtxSynchronize()) return result;  // the device may be reading it
  client::forget(range->address);
  if (client::in_process())
    std::free(p);
  else
    client::unshare(range->address);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  if (CUresult result = ready_to_wait()) return result;
  auto address = reinterpret_cast<uint64_t>(p);
  if (!p || !bytesize || Flags > 15) return CUDA_ERROR_INVALID_VALUE;
  if (client::find_range(address)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (!client::in_process())
    if (CUresult result = client::share_registered(address, bytesize, Flags & map_flag)) return result;
  client::remember({address, bytesize, Kind::registered, client::current(), Flags});
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostUnregister(void* p) {
  if (CUresult result = ready_to_wait()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!range || range->kind != Kind::registered) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  client::forget(range->address);
  client::unshare(range->address);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  if (CUresult result = ready()) return result;
  auto range = client::find_range(reinterpret_cast<uint64_t>(p));
  if (!pdptr || Flags || !range || range->kind == Kind::device) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = client::device_address(reinterpret_cast<CUdeviceptr>(p));
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
  if (CUresult result = ready_to_wait()) return result;
  if (!dptr || !bytesize || (flags != 1 && flags != 2)) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = remote::cuMemAlloc_v2(dptr, bytesize)) return result;
  if (CUresult result = client::share_managed(*dptr, bytesize, false)) {
    remote::cuMemFree_v2(*dptr);
    return result;
  }
  client::remember({*dptr, bytesize, Kind::managed, client::current(), flags});
  return CUDA_SUCCESS;
}
