// Where the device lives in this process, it copies from and to the host's memory by itself. Over a link it asks for
// the bytes, or sends them, each time.
#include "client/cuda/graph/copies.h"

#include <algorithm>
#include <cstring>

#include "client/cuda/contexts.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace client::graph {
namespace {

constexpr size_t most_at_once = size_t{16} << 20;  // of a message

// Rows of one copy that has a host side, and the same bytes packed.
struct HostCopy {
  CUDA_MEMCPY3D copy{};
  uint64_t callback = 0;
  std::vector<std::byte> packed;

  size_t bytes() const { return copy.WidthInBytes * copy.Height * copy.Depth; }
  bool is_line() const { return copy.Height * copy.Depth == 1; }

  const std::byte* source(size_t z, size_t y) const {
    return static_cast<const std::byte*>(copy.srcHost) +
           ((copy.srcZ + z) * copy.srcHeight + copy.srcY + y) * copy.srcPitch + copy.srcXInBytes;
  }
  std::byte* target(size_t z, size_t y) const {
    return static_cast<std::byte*>(copy.dstHost) + ((copy.dstZ + z) * copy.dstHeight + copy.dstY + y) * copy.dstPitch +
           copy.dstXInBytes;
  }
  template <class Row>
  void each_row(Row row) const {
    for (size_t z = 0; z < copy.Depth; ++z)
      for (size_t y = 0; y < copy.Height; ++y) row(z, y, (z * copy.Height + y) * copy.WidthInBytes);
  }
};

// --- what runs in this process when the device gets to the copy

void send_source(void* data) {
  auto& host = *static_cast<HostCopy*>(data);
  const std::byte* from = host.is_line() ? host.source(0, 0) : host.packed.data();
  if (!host.is_line())
    host.each_row([&](size_t z, size_t y, size_t at) {
      std::memcpy(host.packed.data() + at, host.source(z, y), host.copy.WidthInBytes);
    });
  for (size_t at = 0; at < host.bytes(); at += most_at_once)
    remote::obGraphBytes(host.callback, at, from + at, std::min(most_at_once, host.bytes() - at));
}

void spread_target(void* data) {
  auto& host = *static_cast<HostCopy*>(data);
  host.each_row([&](size_t z, size_t y, size_t at) {
    std::memcpy(host.target(z, y), host.packed.data() + at, host.copy.WidthInBytes);
  });
}

void copy_on_host(void* data) {
  auto& host = *static_cast<HostCopy*>(data);
  host.each_row(
      [&](size_t z, size_t y, size_t) { std::memmove(host.target(z, y), host.source(z, y), host.copy.WidthInBytes); });
}

// --- recording

// Managed memory is the device's.
bool is_on_host(CUmemorytype type, CUdeviceptr unified) {
  if (type != CU_MEMORYTYPE_UNIFIED) return type == CU_MEMORYTYPE_HOST;
  auto range = find_range(unified);
  return !range || range->kind == Kind::pinned || range->kind == Kind::registered;
}

// Both sides by address, and every size said (CUDA Driver API, cuMemcpy3D: 0 stands for "as wide as the copy").
void complete(CUDA_MEMCPY3D& copy) {
  if (copy.srcMemoryType == CU_MEMORYTYPE_UNIFIED) copy.srcHost = reinterpret_cast<const void*>(copy.srcDevice);
  if (copy.srcMemoryType == CU_MEMORYTYPE_HOST) copy.srcDevice = reinterpret_cast<CUdeviceptr>(copy.srcHost);
  if (copy.dstMemoryType == CU_MEMORYTYPE_UNIFIED) copy.dstHost = reinterpret_cast<void*>(copy.dstDevice);
  if (copy.dstMemoryType == CU_MEMORYTYPE_HOST) copy.dstDevice = reinterpret_cast<CUdeviceptr>(copy.dstHost);
  if (!copy.srcPitch) copy.srcPitch = copy.WidthInBytes + copy.srcXInBytes;
  if (!copy.dstPitch) copy.dstPitch = copy.WidthInBytes + copy.dstXInBytes;
  if (!copy.srcHeight) copy.srcHeight = copy.Height + copy.srcY;
  if (!copy.dstHeight) copy.dstHeight = copy.Height + copy.dstY;
}

CUarray array_of(CUmemorytype type, CUarray array) { return type == CU_MEMORYTYPE_ARRAY ? array : nullptr; }

CUresult from_host(const CUDA_MEMCPY3D& copy, HostSide& host, CUstream recorder) {
  HostCopy* kept = host.keep(std::make_unique<HostCopy>(HostCopy{copy, 0, {}}));
  if (!kept->is_line()) kept->packed.resize(kept->bytes());
  kept->callback = host.function(send_source, kept);
  return remote::obGraphCopyFromHost(&copy, kept->bytes(), array_of(copy.dstMemoryType, copy.dstArray), recorder,
                                     kept->callback);
}

CUresult to_host(const CUDA_MEMCPY3D& copy, HostSide& host, CUstream recorder) {
  HostCopy* kept = host.keep(std::make_unique<HostCopy>(HostCopy{copy, 0, {}}));
  if (!kept->is_line()) kept->packed.resize(kept->bytes());
  std::byte* to = kept->is_line() ? kept->target(0, 0) : kept->packed.data();
  CUresult result = remote::obGraphCopyToHost(&copy, kept->bytes(), array_of(copy.srcMemoryType, copy.srcArray),
                                              recorder, host.transfer(to, kept->bytes()));
  if (result || kept->is_line()) return result;
  return remote::obHostFunction(recorder, host.function(spread_target, kept));
}

CUresult one_part(const CUDA_MEMCPY3D& copy, HostSide& host, CUstream recorder) {
  bool host_source = is_on_host(copy.srcMemoryType, copy.srcDevice);
  bool host_target = is_on_host(copy.dstMemoryType, copy.dstDevice);
  if (host_source && host_target) {
    HostCopy* kept = host.keep(std::make_unique<HostCopy>(HostCopy{copy, 0, {}}));
    return remote::obHostFunction(recorder, host.function(copy_on_host, kept));
  }
  if (host_source) return from_host(copy, host, recorder);
  if (host_target) return to_host(copy, host, recorder);
  return remote::obCopy3D(&copy, array_of(copy.srcMemoryType, copy.srcArray),
                          array_of(copy.dstMemoryType, copy.dstArray), recorder, true);
}

// The copy in parts that a message can hold.
template <class Part>
CUresult in_parts(const CUDA_MEMCPY3D& copy, Part part) {
  bool line = copy.Height * copy.Depth == 1;
  CUDA_MEMCPY3D one = copy;
  if (copy.WidthInBytes * copy.Height * copy.Depth <= most_at_once) return part(copy);
  size_t width = line ? most_at_once : copy.WidthInBytes;
  size_t height = line ? 1 : std::max<size_t>(1, std::min(copy.Height, most_at_once / copy.WidthInBytes));
  one.Depth = 1;
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; y += height)
      for (size_t x = 0; x < copy.WidthInBytes; x += width) {
        one.WidthInBytes = std::min(width, copy.WidthInBytes - x), one.Height = std::min(height, copy.Height - y);
        one.srcXInBytes = copy.srcXInBytes + x, one.dstXInBytes = copy.dstXInBytes + x;
        one.srcY = copy.srcY + y, one.dstY = copy.dstY + y;
        one.srcZ = copy.srcZ + z, one.dstZ = copy.dstZ + z;
        if (CUresult result = part(one)) return result;
      }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult record_copy(const CUDA_MEMCPY3D& given, HostSide& host, CUstream recorder) {
  CUDA_MEMCPY3D copy = given;
  if (!copy.WidthInBytes || !copy.Height || !copy.Depth) return CUDA_SUCCESS;
  complete(copy);
  if (!in_process()) return in_parts(copy, [&](const CUDA_MEMCPY3D& part) { return one_part(part, host, recorder); });
  CUarray from = array_of(copy.srcMemoryType, copy.srcArray), to = array_of(copy.dstMemoryType, copy.dstArray);
  if (!from) copy.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
  if (!to) copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  return remote::obCopy3D(&copy, from, to, recorder, true);
}

}  // namespace client::graph
