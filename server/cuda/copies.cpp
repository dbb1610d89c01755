// Copies with a host side that travels packed.
#include "server/cuda/worker.h"

namespace worker {
namespace {

// The packed side: rows of WidthInBytes, Height rows a slice, nothing between them.
bool fits(const CUDA_MEMCPY3D& copy, size_t size) {
  size_t bytes = 0;
  return !__builtin_mul_overflow(copy.WidthInBytes, copy.Height, &bytes) &&
         !__builtin_mul_overflow(bytes, copy.Depth, &bytes) && bytes <= size;
}

}  // namespace

CUresult obCopy3DFromHost(const CUDA_MEMCPY3D* copy, const void* packed, size_t size, CUarray destination,
                          CUstream stream, int asynchronous) {
  if (!copy || !fits(*copy, size)) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D own = *copy;
  own.srcMemoryType = CU_MEMORYTYPE_HOST;
  own.srcHost = packed;
  own.srcPitch = own.WidthInBytes;
  own.srcHeight = own.Height;
  own.srcXInBytes = own.srcY = own.srcZ = 0;
  own.dstArray = destination;
  const device::Driver& driver = session().driver();
  if (!asynchronous) return driver.cuMemcpy3D_v2(&own);
  if (CUresult result = driver.cuMemcpy3DAsync_v2(&own, stream)) return result;
  return driver.cuStreamSynchronize(stream);  // `packed` is gone when this returns
}

CUresult obCopy3DToHost(const CUDA_MEMCPY3D* copy, void* packed, size_t size, CUarray source, CUstream stream) {
  if (!copy || !fits(*copy, size)) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D own = *copy;
  own.dstMemoryType = CU_MEMORYTYPE_HOST;
  own.dstHost = packed;
  own.dstPitch = own.WidthInBytes;
  own.dstHeight = own.Height;
  own.dstXInBytes = own.dstY = own.dstZ = 0;
  own.srcArray = source;
  const device::Driver& driver = session().driver();
  if (CUresult result = driver.cuMemcpy3DAsync_v2(&own, stream)) return result;
  return driver.cuStreamSynchronize(stream);
}

CUresult obCopy3D(const CUDA_MEMCPY3D* copy, CUarray source, CUarray destination, CUstream stream, int asynchronous) {
  if (!copy) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D own = *copy;
  if (own.srcMemoryType == CU_MEMORYTYPE_HOST || own.dstMemoryType == CU_MEMORYTYPE_HOST)
    return CUDA_ERROR_INVALID_VALUE;
  own.srcArray = source;
  own.dstArray = destination;
  const device::Driver& driver = session().driver();
  return asynchronous ? driver.cuMemcpy3DAsync_v2(&own, stream) : driver.cuMemcpy3D_v2(&own);
}

}  // namespace worker
