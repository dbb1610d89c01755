// Copies between host and device. Bulk data goes in pieces, so that no frame is larger than the peer's limit.
#include <algorithm>
#include <atomic>

#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/parameters.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

const CUstream legacy = reinterpret_cast<CUstream>(1);  // CU_STREAM_LEGACY
constexpr size_t piece =
    size_t{256} << 10;  // small enough for the socket to hold what comes while the last one is copied on

// copy(offset, size) for every piece; the first failure ends it.
template <class Copy>
CUresult in_pieces(size_t size, Copy copy) {
  if (CUresult result = client::require_context()) return result;
  size_t step = client::in_process() ? size : piece;
  for (size_t offset = 0; offset < size; offset += step)
    if (CUresult result = copy(offset, std::min(step, size - offset))) return result;
  return CUDA_SUCCESS;
}

const std::byte* at(const void* host, size_t offset) { return static_cast<const std::byte*>(host) + offset; }
std::byte* at(void* host, size_t offset) { return static_cast<std::byte*>(host) + offset; }

// A copy of one dimension as a node of the graph that `stream` is captured into.
CUresult capture_copy(CUstream stream, CUmemorytype to, uint64_t destination, CUmemorytype from, uint64_t source,
                      size_t size) {
  if (CUresult result = client::require_context()) return result;
  return client::capture(stream, client::graph::linear_copy(to, destination, from, source, size));
}
uint64_t address_of(const void* host) { return reinterpret_cast<uint64_t>(host); }

bool on_device(CUdeviceptr address) {
  auto range = client::find_range(address);
  return range && range->kind == client::Kind::device;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  if (CUresult result = client::check_legacy_use()) return result;
  if (CUresult result = client::before_host_use(srcHost, nullptr)) return result;
  if (CUresult result = client::before_device_use(dstDevice, nullptr)) return result;
  if (client::is_same_memory(srcHost, ByteCount))
    return remote::obCopyFromShared(dstDevice, address_of(srcHost), ByteCount);
  return in_pieces(ByteCount, [&](size_t offset, size_t size) {
    return remote::cuMemcpyHtoD_v2(dstDevice + offset, at(srcHost, offset), size);
  });
}

// A large copy comes as a stream of pieces, so that the link is never idle between them.
OUTBOARD_EXPORT CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  if (CUresult result = client::check_legacy_use()) return result;
  if (CUresult result = client::before_device_use(srcDevice, nullptr)) return result;
  if (CUresult result = client::before_wait()) return result;
  if (client::is_same_memory(dstHost, ByteCount))
    return client::after_wait(remote::obCopyToShared(address_of(dstHost), srcDevice, ByteCount), false);
  if (client::in_process() || ByteCount <= piece / 8) {
    CUresult result = in_pieces(ByteCount, [&](size_t offset, size_t size) {
      return remote::cuMemcpyDtoH_v2(at(dstHost, offset), srcDevice + offset, size);
    });
    return client::after_wait(result, false);
  }
  if (CUresult result = cuMemcpyDtoHAsync_v2(dstHost, srcDevice, ByteCount, legacy)) return result;
  return cuStreamSynchronize(legacy);
}

// The worker keeps what it has not copied on yet; a program that is faster than the device waits here now and then.
static CUresult settle_now_and_then(size_t size, CUstream stream) {
  constexpr size_t most_on_the_way = size_t{256} << 20;
  static std::atomic<size_t> on_the_way{0};
  if (client::in_process() || on_the_way.fetch_add(size) + size < most_on_the_way) return CUDA_SUCCESS;
  on_the_way = 0;
  return remote::cuStreamSynchronize(client::resolve(stream));
}

// Pageable memory is staged before the call returns; pinned memory is read by the device later, and over a link it
// travels now, which is early but never wrong.
OUTBOARD_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount,
                                              CUstream hStream) {
  if (client::capturing(hStream))
    return capture_copy(hStream, CU_MEMORYTYPE_DEVICE, dstDevice, CU_MEMORYTYPE_HOST, address_of(srcHost), ByteCount);
  if (CUresult result = client::before_host_use(srcHost, hStream)) return result;
  if (CUresult result = client::before_device_use(dstDevice, client::resolve(hStream))) return result;
  if (client::is_same_memory(srcHost, ByteCount))
    return remote::obCopyFromSharedAsync(dstDevice, address_of(srcHost), ByteCount, client::resolve(hStream));
  if (CUresult result = settle_now_and_then(ByteCount, hStream)) return result;
  return in_pieces(ByteCount, [&](size_t offset, size_t size) {
    return remote::cuMemcpyHtoDAsync_v2(dstDevice + offset, at(srcHost, offset), size, client::resolve(hStream));
  });
}

CUresult client::settle_pageable(const void* host, CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (client::find_range(reinterpret_cast<uint64_t>(host))) return CUDA_SUCCESS;
  if (cuStreamIsCapturing(stream, &status) == CUDA_SUCCESS && status != CU_STREAM_CAPTURE_STATUS_NONE)
    return CUDA_SUCCESS;
  return cuStreamSynchronize(stream);
}

OUTBOARD_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount,
                                              CUstream hStream) {
  if (client::capturing(hStream))
    return capture_copy(hStream, CU_MEMORYTYPE_HOST, address_of(dstHost), CU_MEMORYTYPE_DEVICE, srcDevice, ByteCount);
  if (CUresult result = client::before_device_use(srcDevice, client::resolve(hStream))) return result;
  if (client::is_same_memory(dstHost, ByteCount))
    return remote::obCopyToSharedAsync(address_of(dstHost), srcDevice, ByteCount, client::resolve(hStream));
  CUresult result = in_pieces(ByteCount, [&](size_t offset, size_t size) {
    uint64_t transfer = client::expect_transfer(at(dstHost, offset), size);
    return remote::obCopyToHostAsync(transfer, srcDevice + offset, size, client::resolve(hStream));
  });
  return result ? result : client::settle_pageable(dstHost, hStream);
}

OUTBOARD_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = client::check_legacy_use()) return result;
  if (CUresult result = client::before_device_use(dstDevice, nullptr)) return result;
  if (CUresult result = client::before_device_use(srcDevice, nullptr)) return result;
  return remote::cuMemcpyDtoD_v2(dstDevice, srcDevice, ByteCount);
}

OUTBOARD_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount,
                                              CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (client::capturing(hStream))
    return capture_copy(hStream, CU_MEMORYTYPE_DEVICE, dstDevice, CU_MEMORYTYPE_DEVICE, srcDevice, ByteCount);
  CUstream own = client::resolve(hStream);
  if (CUresult result = client::before_device_use(dstDevice, own)) return result;
  if (CUresult result = client::before_device_use(srcDevice, own)) return result;
  return remote::cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, own);
}

// Unified addressing: what an address is decides the direction.
OUTBOARD_EXPORT CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  if (client::capturing(hStream))
    return capture_copy(hStream, CU_MEMORYTYPE_UNIFIED, dst, CU_MEMORYTYPE_UNIFIED, src, ByteCount);
  if (on_device(dst) && on_device(src)) return cuMemcpyDtoDAsync_v2(dst, src, ByteCount, hStream);
  if (on_device(dst)) return cuMemcpyHtoDAsync_v2(dst, reinterpret_cast<const void*>(src), ByteCount, hStream);
  if (on_device(src)) return cuMemcpyDtoHAsync_v2(reinterpret_cast<void*>(dst), src, ByteCount, hStream);
  if (CUresult result = cuStreamSynchronize(hStream)) return result;
  std::copy_n(reinterpret_cast<const std::byte*>(src), ByteCount, reinterpret_cast<std::byte*>(dst));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  if (CUresult result = client::check_legacy_use()) return result;
  if (CUresult result = cuMemcpyAsync(dst, src, ByteCount, nullptr)) return result;
  return cuStreamSynchronize(nullptr);
}
