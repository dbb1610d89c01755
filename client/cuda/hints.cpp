// What programs advise or ask without anything following from it here: placement of managed memory, caches, the
// profiler. Arguments are checked all the same.
#include "client/cuda/capture.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/modules.h"
#include "client/session.h"

namespace {

// CUDA Driver API, cuMemAdvise and cuMemPrefetchAsync: the range must be managed memory.
CUresult managed(CUdeviceptr address, size_t size) {
  if (CUresult result = client::require_context()) return result;
  auto range = client::find_range(address);
  if (!range || range->kind != client::Kind::managed || size == 0) return CUDA_ERROR_INVALID_VALUE;
  return size > range->address + range->size - address ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult advise(CUdeviceptr address, size_t size, CUmem_advise advice, const CUmemLocation& location) {
  constexpr unsigned set_read_mostly = 1, unset_read_mostly = 2, unset_preferred = 4, last = 6;
  auto which = static_cast<unsigned>(advice);
  if (which < set_read_mostly || which > last) return CUDA_ERROR_INVALID_VALUE;
  bool placed = which > unset_read_mostly && which != unset_preferred;
  if (placed && location.type == CU_MEM_LOCATION_TYPE_DEVICE && client::server_ordinal(location.id) < 0)
    return CUDA_ERROR_INVALID_DEVICE;
  return managed(address, size);
}

CUresult prefetch(CUdeviceptr address, size_t size, const CUmemLocation& location) {
  bool device = location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  if (device && client::server_ordinal(location.id) < 0) return CUDA_ERROR_INVALID_DEVICE;
  if (location.type == CU_MEM_LOCATION_TYPE_INVALID) return CUDA_ERROR_INVALID_VALUE;
  return managed(address, size);
}

// The older calls name a device, or CU_DEVICE_CPU.
CUmemLocation location_of(CUdevice device) {
  constexpr CUdevice cpu = -1;
  return {device == cpu ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE, device};
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemAdvise_v2(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUmemLocation location) {
  return advise(devPtr, count, advice, location);
}
OUTBOARD_EXPORT CUresult cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device) {
  return advise(devPtr, count, advice, location_of(device));
}

OUTBOARD_EXPORT CUresult cuMemPrefetchAsync_v2(CUdeviceptr devPtr, size_t count, CUmemLocation location,
                                               unsigned int flags, CUstream hStream) {
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
  return flags ? CUDA_ERROR_INVALID_VALUE : prefetch(devPtr, count, location);
}
OUTBOARD_EXPORT CUresult cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
  return prefetch(devPtr, count, location_of(dstDevice));
}

OUTBOARD_EXPORT CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
  bool known = flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST || flags == CU_MEM_ATTACH_SINGLE;
  if (!known) return CUDA_ERROR_INVALID_VALUE;
  return managed(dptr, length ? length : 1);  // 0: the whole allocation
}

OUTBOARD_EXPORT CUresult cuPointerSetAttribute(const void* value_, CUpointer_attribute attribute, CUdeviceptr ptr) {
  if (CUresult result = client::require_context()) return result;
  if (!value_ || attribute != CU_POINTER_ATTRIBUTE_SYNC_MEMOPS || !client::find_range(ptr))
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuFuncSetSharedMemConfig(CUfunction hfunc, CUsharedconfig) {
  return client::find_function(hfunc) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
OUTBOARD_EXPORT CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice) {
  return cuFuncSetCacheConfig(reinterpret_cast<CUfunction>(kernel), config);
}

OUTBOARD_EXPORT CUresult cuProfilerInitialize(const char*, const char*, CUoutput_mode) {
  return CUDA_ERROR_PROFILER_DISABLED;
}
OUTBOARD_EXPORT CUresult cuProfilerStart() { return client::require_context(); }
OUTBOARD_EXPORT CUresult cuProfilerStop() { return client::require_context(); }
