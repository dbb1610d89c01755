// Copies of boxes between host memory, device memory and arrays.
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"

namespace software {
namespace {

// One side of a copy: where its box begins and how far apart rows and slices lie.
struct Box {
  CUmemorytype type;
  uint64_t base;  // host or device
  CUarray array;
  size_t x, y, z;        // bytes, rows, slices
  size_t pitch, height;  // bytes, rows; 0: as wide and as high as the copy
};

struct Placed {
  uint64_t address = 0;
  size_t pitch = 0, slice = 0;
  bool pageable = false;
};

struct Extent {
  size_t width, height, depth;  // bytes, rows, slices
};

// Bytes from the box's beginning to its last; false: more than there are addresses.
bool span(const Placed& side, const Extent& extent, size_t& bytes) {
  size_t rows, slices;
  return !__builtin_mul_overflow(extent.height - 1, side.pitch, &rows) &&
         !__builtin_mul_overflow(extent.depth - 1, side.slice, &slices) &&
         !__builtin_add_overflow(rows, slices, &bytes) && !__builtin_add_overflow(bytes, extent.width, &bytes);
}

bool place_array(const Box& box, const Extent& extent, Placed& side) {
  std::shared_ptr<Array> array = device().arrays.find(box.array);
  if (!array) return false;
  auto fits = [](size_t at, size_t size, size_t room) { return size <= room && at <= room - size; };
  if (!fits(box.x, extent.width, array->pitch()) || !fits(box.y, extent.height, array->rows()) ||
      !fits(box.z, extent.depth, array->slices()))
    return false;
  side.pitch = array->pitch();
  side.slice = array->pitch() * array->rows();
  side.address = array->address + box.z * side.slice + box.y * side.pitch + box.x;
  return true;
}

bool place(const Box& box, const Extent& extent, Placed& side) {
  if (box.type == CU_MEMORYTYPE_ARRAY) return place_array(box, extent, side);
  side.pitch = box.pitch ? box.pitch : extent.width;
  size_t rows = box.height ? box.height : extent.height;
  bool one_row = extent.height * extent.depth == 1;
  if (!one_row && side.pitch < extent.width) return false;
  if (extent.depth > 1 && rows < extent.height) return false;
  size_t offset, part, bytes;
  if (__builtin_mul_overflow(side.pitch, rows, &side.slice) || __builtin_mul_overflow(box.z, side.slice, &offset) ||
      __builtin_mul_overflow(box.y, side.pitch, &part) || __builtin_add_overflow(offset, part, &offset) ||
      __builtin_add_overflow(offset, box.x, &offset) || __builtin_add_overflow(box.base, offset, &side.address))
    return false;
  side.pageable = !in_window(side.address);
  bool host = box.type == CU_MEMORYTYPE_HOST || (box.type == CU_MEMORYTYPE_UNIFIED && side.pageable);
  if (host && side.pageable) return box.base != 0;
  return span(side, extent, bytes) && accessible(side.address, bytes);
}

CUresult copy(const Box& from, const Box& to, const Extent& extent, CUstream handle, Wait wait) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(handle, context, stream)) return bad;
  if (extent.width == 0 || extent.height == 0 || extent.depth == 0) return CUDA_SUCCESS;
  Placed source, target;
  if (!place(from, extent, source) || !place(to, extent, target)) return CUDA_ERROR_INVALID_VALUE;
  return copy_rows(
      context, stream,
      {reinterpret_cast<uint8_t*>(target.address), reinterpret_cast<const uint8_t*>(source.address), target.pitch,
       target.slice, source.pitch, source.slice, extent.width, extent.height, extent.depth, source.pageable},
      wait);
}

uint64_t base_of(CUmemorytype type, const void* host, CUdeviceptr device_pointer) {
  return type == CU_MEMORYTYPE_HOST ? reinterpret_cast<uint64_t>(host) : device_pointer;
}

CUresult copy_2d(const CUDA_MEMCPY2D* copied, CUstream stream, Wait wait) {
  if (!copied) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_MEMCPY2D& c = *copied;
  Box from{c.srcMemoryType, base_of(c.srcMemoryType, c.srcHost, c.srcDevice),
           c.srcArray,      c.srcXInBytes,
           c.srcY,          0,
           c.srcPitch,      0};
  Box to{c.dstMemoryType, base_of(c.dstMemoryType, c.dstHost, c.dstDevice),
         c.dstArray,      c.dstXInBytes,
         c.dstY,          0,
         c.dstPitch,      0};
  return copy(from, to, {c.WidthInBytes, c.Height, 1}, stream, wait);
}

CUresult copy_3d(const CUDA_MEMCPY3D* copied, CUstream stream, Wait wait) {
  if (!copied) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_MEMCPY3D& c = *copied;
  if (c.srcLOD || c.dstLOD) return CUDA_ERROR_INVALID_VALUE;
  Box from{c.srcMemoryType, base_of(c.srcMemoryType, c.srcHost, c.srcDevice),
           c.srcArray,      c.srcXInBytes,
           c.srcY,          c.srcZ,
           c.srcPitch,      c.srcHeight};
  Box to{c.dstMemoryType, base_of(c.dstMemoryType, c.dstHost, c.dstDevice),
         c.dstArray,      c.dstXInBytes,
         c.dstY,          c.dstZ,
         c.dstPitch,      c.dstHeight};
  return copy(from, to, {c.WidthInBytes, c.Height, c.Depth}, stream, wait);
}

// A one-dimensional array and flat memory.
Box flat(CUdeviceptr pointer) { return {CU_MEMORYTYPE_DEVICE, pointer, nullptr, 0, 0, 0, 0, 0}; }
Box flat(const void* pointer) {
  return {CU_MEMORYTYPE_HOST, reinterpret_cast<uint64_t>(pointer), nullptr, 0, 0, 0, 0, 0};
}
Box part(CUarray array, size_t offset) { return {CU_MEMORYTYPE_ARRAY, 0, array, offset, 0, 0, 0, 0}; }

}  // namespace

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) { return copy_2d(pCopy, nullptr, Wait::copied); }
CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) { return copy_2d(pCopy, nullptr, Wait::copied); }
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) {
  return copy_2d(pCopy, hStream, Wait::queued);
}
CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return copy_3d(pCopy, nullptr, Wait::copied); }
CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) {
  return copy_3d(pCopy, hStream, Wait::queued);
}

CUresult cuMemcpyDtoA_v2(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy(flat(srcDevice), part(dstArray, dstOffset), {ByteCount, 1, 1}, nullptr, Wait::copied);
}
CUresult cuMemcpyAtoD_v2(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy(part(srcArray, srcOffset), flat(dstDevice), {ByteCount, 1, 1}, nullptr, Wait::copied);
}
CUresult cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return copy(flat(srcHost), part(dstArray, dstOffset), {ByteCount, 1, 1}, nullptr, Wait::copied);
}
CUresult cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy(part(srcArray, srcOffset), flat(dstHost), {ByteCount, 1, 1}, nullptr, Wait::copied);
}
CUresult cuMemcpyAtoA_v2(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy(part(srcArray, srcOffset), part(dstArray, dstOffset), {ByteCount, 1, 1}, nullptr, Wait::copied);
}
CUresult cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount,
                              CUstream hStream) {
  return copy(flat(srcHost), part(dstArray, dstOffset), {ByteCount, 1, 1}, hStream, Wait::queued);
}
CUresult cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  return copy(part(srcArray, srcOffset), flat(dstHost), {ByteCount, 1, 1}, hStream, Wait::queued);
}

}  // namespace software
