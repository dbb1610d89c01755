// Pitched copies. Where the device lives in this process the descriptor goes to it as it is; over a link a host side
// travels packed, row behind row. The handles of arrays travel beside the descriptor.
#include <cstring>
#include <vector>

#include "client/cuda/arrays.h"
#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/streams.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace {

constexpr size_t largest = size_t{48} << 20;  // of one travelling copy; a larger one goes slice by slice, row by row

bool on_host(CUmemorytype type, CUdeviceptr unified) {
  if (type == CU_MEMORYTYPE_HOST) return true;
  if (type != CU_MEMORYTYPE_UNIFIED) return false;
  auto range = client::find_range(unified);
  return !range || range->kind != client::Kind::device;
}

// What travels of an array's side.
CUarray array(CUmemorytype type, CUarray handle) { return type == CU_MEMORYTYPE_ARRAY ? handle : nullptr; }

// Copies rows between a pitched place and packed bytes.
template <class Move>
void each_row(const CUDA_MEMCPY3D& copy, Move move) {
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; ++y) move(z, y, (z * copy.Height + y) * copy.WidthInBytes);
}

const std::byte* source_row(const CUDA_MEMCPY3D& copy, size_t z, size_t y) {
  return static_cast<const std::byte*>(copy.srcHost) +
         ((copy.srcZ + z) * copy.srcHeight + copy.srcY + y) * copy.srcPitch + copy.srcXInBytes;
}
std::byte* target_row(const CUDA_MEMCPY3D& copy, size_t z, size_t y) {
  return static_cast<std::byte*>(copy.dstHost) + ((copy.dstZ + z) * copy.dstHeight + copy.dstY + y) * copy.dstPitch +
         copy.dstXInBytes;
}

CUresult copy_from_host(const CUDA_MEMCPY3D& copy, CUstream stream, bool asynchronous) {
  std::vector<std::byte> packed(copy.WidthInBytes * copy.Height * copy.Depth);
  each_row(copy, [&](size_t z, size_t y, size_t at) {
    std::memcpy(packed.data() + at, source_row(copy, z, y), copy.WidthInBytes);
  });
  return remote::obCopy3DFromHost(&copy, packed.data(), packed.size(), array(copy.dstMemoryType, copy.dstArray), stream,
                                  asynchronous);
}

CUresult copy_to_host(const CUDA_MEMCPY3D& copy, CUstream stream) {
  std::vector<std::byte> packed(copy.WidthInBytes * copy.Height * copy.Depth);
  if (CUresult result =
          remote::obCopy3DToHost(&copy, packed.data(), packed.size(), array(copy.srcMemoryType, copy.srcArray), stream))
    return result;
  each_row(copy, [&](size_t z, size_t y, size_t at) {
    std::memcpy(target_row(copy, z, y), packed.data() + at, copy.WidthInBytes);
  });
  return CUDA_SUCCESS;
}

// part(copy) for pieces of at most `largest` bytes.
template <class Part>
CUresult in_parts(const CUDA_MEMCPY3D& copy, Part part) {
  if (copy.WidthInBytes * copy.Height * copy.Depth <= largest) return part(copy);
  CUDA_MEMCPY3D slice = copy;
  slice.Depth = 1;
  slice.Height = std::max<size_t>(1, std::min(copy.Height, largest / copy.WidthInBytes));
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; y += slice.Height) {
      CUDA_MEMCPY3D one = slice;
      one.Height = std::min(slice.Height, copy.Height - y);
      one.srcZ += z, one.dstZ += z, one.srcY += y, one.dstY += y;
      if (CUresult result = part(one)) return result;
    }
  return CUDA_SUCCESS;
}

// Over a link: what is on the host is here, what is on the device is there.
CUresult copy_over_link(CUDA_MEMCPY3D copy, CUstream stream, bool asynchronous) {
  if (!copy.WidthInBytes || !copy.Height || !copy.Depth) return CUDA_SUCCESS;
  bool from_host = on_host(copy.srcMemoryType, copy.srcDevice), to_host = on_host(copy.dstMemoryType, copy.dstDevice);
  if (from_host && copy.srcMemoryType == CU_MEMORYTYPE_UNIFIED)
    copy.srcHost = reinterpret_cast<const void*>(copy.srcDevice);
  if (to_host && copy.dstMemoryType == CU_MEMORYTYPE_UNIFIED) copy.dstHost = reinterpret_cast<void*>(copy.dstDevice);
  if (copy.srcPitch == 0) copy.srcPitch = copy.WidthInBytes + copy.srcXInBytes;
  if (copy.dstPitch == 0) copy.dstPitch = copy.WidthInBytes + copy.dstXInBytes;
  if (copy.srcHeight == 0) copy.srcHeight = copy.Height + copy.srcY;
  if (copy.dstHeight == 0) copy.dstHeight = copy.Height + copy.dstY;
  if (from_host)
    if (CUresult result = client::before_host_use(copy.srcHost, stream)) return result;
  CUstream own = client::resolve(stream);
  if (from_host && to_host) {
    if (CUresult result = cuStreamSynchronize(stream)) return result;
    each_row(copy, [&](size_t z, size_t y, size_t) {
      std::memmove(target_row(copy, z, y), source_row(copy, z, y), copy.WidthInBytes);
    });
    return CUDA_SUCCESS;
  }
  if (from_host)
    return in_parts(copy, [&](const CUDA_MEMCPY3D& part) { return copy_from_host(part, own, asynchronous); });
  if (to_host)
    return client::after_wait(in_parts(copy, [&](const CUDA_MEMCPY3D& part) { return copy_to_host(part, own); }),
                              false);
  return remote::obCopy3D(&copy, array(copy.srcMemoryType, copy.srcArray), array(copy.dstMemoryType, copy.dstArray),
                          own, asynchronous);
}

CUresult copy(const CUDA_MEMCPY3D& descriptor, CUstream stream, bool asynchronous) {
  if (CUresult result = client::require_context()) return result;
  const CUDA_MEMCPY3D& d = descriptor;
  client::ArrayBox source{d.srcXInBytes, d.srcY, d.srcZ, d.WidthInBytes, d.Height, d.Depth}, target = source;
  target.x = d.dstXInBytes, target.y = d.dstY, target.z = d.dstZ;
  if (d.srcMemoryType == CU_MEMORYTYPE_ARRAY)
    if (CUresult result = client::check_box(d.srcArray, source)) return result;
  if (d.dstMemoryType == CU_MEMORYTYPE_ARRAY)
    if (CUresult result = client::check_box(d.dstArray, target)) return result;
  if (asynchronous && client::capturing(stream))
    return client::capture(stream, client::graph::CopyWork{descriptor, client::handle_of(client::current())});
  if (!asynchronous)
    if (CUresult result = client::check_legacy_use()) return result;
  if (!client::in_process()) return copy_over_link(descriptor, stream, asynchronous);
  CUDA_MEMCPY3D own = descriptor;
  // Same addresses on both sides: host and unified memory are one here.
  auto unify = [](CUmemorytype& type, CUdeviceptr& device, const void* host) {
    if (type == CU_MEMORYTYPE_ARRAY) return;
    if (type == CU_MEMORYTYPE_HOST) device = reinterpret_cast<CUdeviceptr>(host);
    type = CU_MEMORYTYPE_UNIFIED;
  };
  unify(own.srcMemoryType, own.srcDevice, own.srcHost);
  unify(own.dstMemoryType, own.dstDevice, own.dstHost);
  CUresult result = remote::obCopy3D(&own, array(own.srcMemoryType, own.srcArray),
                                     array(own.dstMemoryType, own.dstArray), client::resolve(stream), asynchronous);
  if (result || !asynchronous || own.dstMemoryType == CU_MEMORYTYPE_ARRAY) return result;
  return client::settle_pageable(reinterpret_cast<const void*>(own.dstDevice), stream);
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
OUTBOARD_EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) {
  return copy(raised(*pCopy), nullptr, false);
}
OUTBOARD_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) {
  return copy(raised(*pCopy), hStream, true);
}
OUTBOARD_EXPORT CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return copy(*pCopy, nullptr, false); }
OUTBOARD_EXPORT CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) {
  return copy(*pCopy, hStream, true);
}

// --- a row of an array and flat memory

namespace {

CUDA_MEMCPY3D row_of(size_t bytes) {
  CUDA_MEMCPY3D copy{};
  copy.WidthInBytes = bytes;
  copy.Height = copy.Depth = 1;
  return copy;
}

CUDA_MEMCPY3D from(CUDA_MEMCPY3D copy, CUarray array, size_t offset) {
  copy.srcMemoryType = CU_MEMORYTYPE_ARRAY, copy.srcArray = array, copy.srcXInBytes = offset;
  return copy;
}
CUDA_MEMCPY3D from(CUDA_MEMCPY3D copy, CUdeviceptr pointer) {
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE, copy.srcDevice = pointer;
  return copy;
}
CUDA_MEMCPY3D from(CUDA_MEMCPY3D copy, const void* pointer) {
  copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = pointer;
  return copy;
}
CUDA_MEMCPY3D to(CUDA_MEMCPY3D copy, CUarray array, size_t offset) {
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY, copy.dstArray = array, copy.dstXInBytes = offset;
  return copy;
}
CUDA_MEMCPY3D to(CUDA_MEMCPY3D copy, CUdeviceptr pointer) {
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE, copy.dstDevice = pointer;
  return copy;
}
CUDA_MEMCPY3D to(CUDA_MEMCPY3D copy, void* pointer) {
  copy.dstMemoryType = CU_MEMORYTYPE_HOST, copy.dstHost = pointer;
  return copy;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemcpyDtoA_v2(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy(from(to(row_of(ByteCount), dstArray, dstOffset), srcDevice), nullptr, false);
}
OUTBOARD_EXPORT CUresult cuMemcpyAtoD_v2(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy(from(to(row_of(ByteCount), dstDevice), srcArray, srcOffset), nullptr, false);
}
OUTBOARD_EXPORT CUresult cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return copy(from(to(row_of(ByteCount), dstArray, dstOffset), srcHost), nullptr, false);
}
OUTBOARD_EXPORT CUresult cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy(from(to(row_of(ByteCount), dstHost), srcArray, srcOffset), nullptr, false);
}
OUTBOARD_EXPORT CUresult cuMemcpyAtoA_v2(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset,
                                         size_t ByteCount) {
  return copy(from(to(row_of(ByteCount), dstArray, dstOffset), srcArray, srcOffset), nullptr, false);
}
OUTBOARD_EXPORT CUresult cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount,
                                              CUstream hStream) {
  return copy(from(to(row_of(ByteCount), dstArray, dstOffset), srcHost), hStream, true);
}
OUTBOARD_EXPORT CUresult cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount,
                                              CUstream hStream) {
  return copy(from(to(row_of(ByteCount), dstHost), srcArray, srcOffset), hStream, true);
}
