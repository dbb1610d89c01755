// Copies with a host side that travels packed, and host memory that both sides map at the same addresses.
#include <sys/mman.h>

#include <cstring>

#include "api/window.h"
#include "server/cuda/worker.h"

namespace worker {
namespace {

bool in_host_area(uint64_t address, size_t size) {
  return address >= api::host_area_base && address - api::host_area_base <= api::host_area_size &&
         size <= api::host_area_size - (address - api::host_area_base);
}

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

CUresult obHostMap(uint64_t address, size_t size) {
  if (!size || !in_host_area(address, size)) return CUDA_ERROR_INVALID_VALUE;
  void* mapped = mmap(reinterpret_cast<void*>(address), size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  return mapped == MAP_FAILED ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

CUresult obHostUnmap(uint64_t address, size_t size) {
  if (!size || !in_host_area(address, size)) return CUDA_ERROR_INVALID_VALUE;
  return munmap(reinterpret_cast<void*>(address), size) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult obHostWrite(uint64_t address, const void* bytes, size_t size) {
  if (!in_host_area(address, size)) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(reinterpret_cast<void*>(address), bytes, size);
  return CUDA_SUCCESS;
}

CUresult obHostRead(uint64_t address, void* bytes, size_t size) {
  if (!in_host_area(address, size)) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(bytes, reinterpret_cast<const void*>(address), size);
  return CUDA_SUCCESS;
}

}  // namespace worker
