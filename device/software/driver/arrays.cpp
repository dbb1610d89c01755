// CUDA arrays: linear memory with a shape. There is no texture unit, so the layout is the obvious one.
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"

namespace software {
namespace {

size_t bytes_of(CUarray_format format) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4;
    default: return 0;  // block-compressed and video formats
  }
}

CUresult create(CUarray* handle, const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  unsigned channels = descriptor.NumChannels;
  if (!handle || descriptor.Width == 0 || (channels != 1 && channels != 2 && channels != 4))
    return CUDA_ERROR_INVALID_VALUE;
  auto array = std::make_shared<Array>();
  array->context = context.get();
  array->descriptor = descriptor;
  array->element_bytes = bytes_of(descriptor.Format) * channels;
  if (array->element_bytes == 0) return CUDA_ERROR_NOT_SUPPORTED;
  size_t size;
  if (__builtin_mul_overflow(descriptor.Width, array->element_bytes, &size) ||
      __builtin_mul_overflow(size, array->rows(), &size) || __builtin_mul_overflow(size, array->slices(), &size))
    return CUDA_ERROR_INVALID_VALUE;
  array->address = device().memory->allocate(size, MemoryKind::device, context.get());
  if (!array->address) return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = reinterpret_cast<CUarray>(device().arrays.add(std::move(array)));
  return CUDA_SUCCESS;
}

CUresult find(CUarray handle, const void* result, std::shared_ptr<Array>& array) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  array = device().arrays.find(handle);
  return array ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  if (!pAllocateArray) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_ARRAY_DESCRIPTOR& flat = *pAllocateArray;
  return create(pHandle, {flat.Width, flat.Height, 0, flat.Format, flat.NumChannels, 0});
}

CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  return pAllocateArray ? create(pHandle, *pAllocateArray) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuArrayDestroy(CUarray hArray) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Array> array = device().arrays.remove(hArray);
  if (!array) return CUDA_ERROR_INVALID_HANDLE;
  context->wait_all();
  device().memory->free(array->address);
  return CUDA_SUCCESS;
}

CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  std::shared_ptr<Array> array;
  if (CUresult bad = find(hArray, pArrayDescriptor, array)) return bad;
  const CUDA_ARRAY3D_DESCRIPTOR& full = array->descriptor;
  *pArrayDescriptor = {full.Width, full.Height, full.Format, full.NumChannels};
  return CUDA_SUCCESS;
}

CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  std::shared_ptr<Array> array;
  if (CUresult bad = find(hArray, pArrayDescriptor, array)) return bad;
  *pArrayDescriptor = array->descriptor;
  return CUDA_SUCCESS;
}

}  // namespace software
