// Arrays lie where the driver wants, for nobody has their addresses; here they are counted, by what their descriptors
// say. What the driver adds to round them up is not known.
#include <algorithm>
#include <array>

#include "device/nvidia/budget.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

// Bytes of one channel; formats that are several channels at once, or blocks, count as their texels on average.
uint64_t channel_bytes(CUarray_format format) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2;
    default: return 4;
  }
}

uint64_t bytes_of(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  const std::array<uint64_t, 5> factors = {std::max<uint64_t>(shape.Width, 1), std::max<uint64_t>(shape.Height, 1),
                                           std::max<uint64_t>(shape.Depth, 1), std::max(shape.NumChannels, 1u),
                                           channel_bytes(shape.Format)};
  uint64_t bytes = 1;
  for (uint64_t factor : factors)
    if (__builtin_mul_overflow(bytes, factor, &bytes)) return UINT64_MAX;
  return bytes;
}

uint64_t bytes_of_levels(CUDA_ARRAY3D_DESCRIPTOR shape, unsigned levels) {
  uint64_t all = 0;
  for (unsigned level = 0; level < std::min(levels, 32u); ++level) {
    if (__builtin_add_overflow(all, bytes_of(shape), &all)) return UINT64_MAX;
    shape.Width = std::max<size_t>(shape.Width / 2, 1);
    shape.Height = shape.Height ? std::max<size_t>(shape.Height / 2, 1) : 0;
    if (!(shape.Flags & CUDA_ARRAY3D_LAYERED)) shape.Depth = shape.Depth ? std::max<size_t>(shape.Depth / 2, 1) : 0;
  }
  return all;
}

}  // namespace

CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  if (!pHandle || !pAllocateArray) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_ARRAY3D_DESCRIPTOR shape{pAllocateArray->Width,  pAllocateArray->Height,      0,
                                      pAllocateArray->Format, pAllocateArray->NumChannels, 0};
  return charged(pHandle, bytes_of(shape), [&] { return vendor().cuArrayCreate_v2(pHandle, pAllocateArray); });
}

CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  if (!pHandle || !pAllocateArray) return CUDA_ERROR_INVALID_VALUE;
  return charged(pHandle, bytes_of(*pAllocateArray),
                 [&] { return vendor().cuArray3DCreate_v2(pHandle, pAllocateArray); });
}

CUresult cuArrayDestroy(CUarray hArray) {
  CUresult result = vendor().cuArrayDestroy(hArray);
  if (result == CUDA_SUCCESS) charges().settle(hArray);
  return result;
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                unsigned int numMipmapLevels) {
  if (!pHandle || !pMipmappedArrayDesc) return CUDA_ERROR_INVALID_VALUE;
  return charged(pHandle, bytes_of_levels(*pMipmappedArrayDesc, numMipmapLevels),
                 [&] { return vendor().cuMipmappedArrayCreate(pHandle, pMipmappedArrayDesc, numMipmapLevels); });
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  CUresult result = vendor().cuMipmappedArrayDestroy(hMipmappedArray);
  if (result == CUDA_SUCCESS) charges().settle(hMipmappedArray);
  return result;
}

}  // namespace nvidia
