// Pitched copies. Where the device lives in this process the descriptor goes to it as it is; over a link they still
// answer CUDA_ERROR_NOT_SUPPORTED.
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

CUresult copy(const CUDA_MEMCPY3D& descriptor, CUstream stream, bool asynchronous) {
  if (CUresult result = client::require_context()) return result;
  bool arrays = descriptor.srcMemoryType == CU_MEMORYTYPE_ARRAY || descriptor.dstMemoryType == CU_MEMORYTYPE_ARRAY;
  if (!client::in_process() || arrays) return CUDA_ERROR_NOT_SUPPORTED;
  CUDA_MEMCPY3D own = descriptor;
  // Same addresses on both sides: host and unified memory are one here.
  auto unify = [](CUmemorytype& type, CUdeviceptr& device, const void* host) {
    if (type == CU_MEMORYTYPE_HOST) device = reinterpret_cast<CUdeviceptr>(host);
    type = CU_MEMORYTYPE_UNIFIED;
  };
  unify(own.srcMemoryType, own.srcDevice, own.srcHost);
  unify(own.dstMemoryType, own.dstDevice, own.dstHost);
  return remote::obCopy3D(&own, nullptr, nullptr, client::resolve(stream), asynchronous);
}

CUDA_MEMCPY3D raised(const CUDA_MEMCPY2D& flat) {
  CUDA_MEMCPY3D copy{};
  copy.srcXInBytes = flat.srcXInBytes, copy.srcY = flat.srcY;
  copy.srcMemoryType = flat.srcMemoryType, copy.srcHost = flat.srcHost, copy.srcDevice = flat.srcDevice;
  copy.srcArray = flat.srcArray, copy.srcPitch = flat.srcPitch;
  copy.dstXInBytes = flat.dstXInBytes, copy.dstY = flat.dstY;
  copy.dstMemoryType = flat.dstMemoryType, copy.dstHost = flat.dstHost, copy.dstDevice = flat.dstDevice;
  copy.dstArray = flat.dstArray, copy.dstPitch = flat.dstPitch;
  copy.WidthInBytes = flat.WidthInBytes, copy.Height = flat.Height, copy.Depth = 1;
  return copy;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) { return copy(raised(*pCopy), nullptr, false); }
OUTBOARD_EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) { return copy(raised(*pCopy), nullptr, false); }
OUTBOARD_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) { return copy(raised(*pCopy), hStream, true); }
OUTBOARD_EXPORT CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return copy(*pCopy, nullptr, false); }
OUTBOARD_EXPORT CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) { return copy(*pCopy, hStream, true); }
