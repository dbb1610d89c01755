// The driver's allocating functions over the window (memory.h). Managed memory and pools are the client's affair: it
// makes them of these.
#include <algorithm>

#include "device/nvidia/budget.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/memory.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
// Most allocations need no call of the driver's, and must fail all the same when a kernel has lost the context.
CUresult usable_context(CUcontext& context, CUdevice& device) {
  if (CUresult result = current_context(context, device)) return result;
  CUresult result = vendor().cuStreamQuery(nullptr);
  const bool captured =
      result >= CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED && result <= CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  return result == CUDA_ERROR_NOT_READY || captured ? CUDA_SUCCESS : result;
}

CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  CUcontext context = nullptr;
  CUdevice device = 0;
  if (!dptr || !bytesize) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = usable_context(context, device)) return result;
  return memory().allocate(bytesize, context, device, *dptr);
}

// At once, which is before the stream gets there and so never too late.
CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream) { return nvidia::cuMemAlloc_v2(dptr, bytesize); }

CUresult cuMemFree_v2(CUdeviceptr dptr) {
  return !dptr || memory().leave(dptr, false) || memory().free(dptr) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  if (memory().leave(dptr, false)) return CUDA_SUCCESS;  // after all work, and so after this stream's
  CUevent event = nullptr;
  if (CUresult result = vendor().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING)) return result;
  CUresult result = vendor().cuEventRecord(event, hStream);
  if (result == CUDA_SUCCESS && memory().free(dptr, event)) return CUDA_SUCCESS;
  vendor().cuEventDestroy_v2(event);
  return result ? result : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  CUdevice device = 0;
  if (CUresult result = vendor().cuCtxGetDevice(&device)) return result;
  memory().wait_for_frees();
  if (CUresult result = vendor().cuMemGetInfo_v2(free, total)) return result;
  *free = std::min(*total, *free + budget().on_loan(device));
  const uint64_t limit = budget().limit();
  if (!limit) return CUDA_SUCCESS;
  const uint64_t used = budget().used(device);
  *total = std::min<size_t>(*total, limit);
  *free = std::min<size_t>(*free, limit - std::min(limit, used));
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  if (CUresult result = vendor().cuDeviceTotalMem_v2(bytes, dev)) return result;
  if (budget().limit()) *bytes = std::min<size_t>(*bytes, budget().limit());
  return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  auto found = memory().find(dptr);
  if (!found) return vendor().cuMemGetAddressRange_v2(pbase, psize, dptr);
  if (pbase) *pbase = found->address;
  if (psize) *psize = found->size;
  return CUDA_SUCCESS;
}

// The worker asks whether it can read device memory where it lies.
CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  if (attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER && api::in_window(ptr)) return CUDA_ERROR_INVALID_VALUE;
  return vendor().cuPointerGetAttribute(data, attribute, ptr);
}

CUresult cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  CUdevice reader = 0, owner = 0;
  if (CUresult result = vendor().cuCtxGetDevice(&reader)) return result;
  if (CUresult result = vendor().cuCtxPushCurrent_v2(peerContext)) return result;
  CUresult asked = vendor().cuCtxGetDevice(&owner);
  vendor().cuCtxPopCurrent_v2(nullptr);
  if (asked) return asked;
  if (CUresult result = vendor().cuCtxEnablePeerAccess(peerContext, Flags)) return result;
  // Memory of cuMemCreate follows no context's wishes (CUDA Driver API, cuMemSetAccess).
  return memory().let_use(reader, owner);
}

}  // namespace nvidia
