// Device memory: allocated at the device, remembered here so that ranges and attributes need no round trip.
#include "client/cuda/memory_map.h"

#include <map>
#include <mutex>

#include "client/cuda/capture.h"
#include "client/cuda/checking.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/leases.h"
#include "client/cuda/pools.h"
#include "client/session.h"

namespace client {
namespace {

std::mutex lock;
std::map<uint64_t, Range>& ranges() {
  static auto* map = new std::map<uint64_t, Range>;
  return *map;
}

}  // namespace

void remember(const Range& range) {
  {
    std::lock_guard hold(lock);
    ranges()[range.address] = range;
  }
  check_remembered(range);
}

bool forget(uint64_t address) {
  Range gone;
  {
    std::lock_guard hold(lock);
    auto found = ranges().find(address);
    if (found == ranges().end()) return false;
    gone = found->second;
    ranges().erase(found);
  }
  check_forgotten(gone);
  return true;
}

std::optional<Range> find_range(uint64_t address) {
  std::lock_guard hold(lock);
  auto after = ranges().upper_bound(address);
  if (after == ranges().begin()) return std::nullopt;
  const Range& range = std::prev(after)->second;
  if (address - range.address >= range.size) return std::nullopt;
  return range;
}

uint64_t bytes_of_pool(const void* pool) {
  std::lock_guard hold(lock);
  uint64_t bytes = 0;
  for (const auto& [address, range] : ranges())
    if (range.pool == pool) bytes += range.size;
  return bytes;
}

void forget_ranges(const Context& context) {
  std::lock_guard hold(lock);
  std::erase_if(ranges(), [&](const auto& entry) { return entry.second.context == &context; });
}

}  // namespace client

namespace {

CUresult allocated(CUresult result, CUdeviceptr* address, size_t size, client::Kind kind) {
  if (result == CUDA_SUCCESS) client::remember({*address, size, kind, client::current(), 0, nullptr});
  return result;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  if (CUresult result = client::require_context()) return result;
  if (!dptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = client::check_unsafe_call()) return result;
  auto leased = client::lease_memory(dptr, bytesize);
  if (leased == CUDA_ERROR_OUT_OF_MEMORY && client::release_pool_memory())
    leased = client::lease_memory(dptr, bytesize);
  return allocated(leased ? *leased : remote::cuMemAlloc_v2(dptr, bytesize), dptr, bytesize, client::Kind::device);
}

OUTBOARD_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height,
                                            unsigned int ElementSizeBytes) {
  if (CUresult result = client::require_context()) return result;
  bool element = ElementSizeBytes == 4 || ElementSizeBytes == 8 || ElementSizeBytes == 16;
  if (!dptr || !pPitch || !WidthInBytes || !Height || !element) return CUDA_ERROR_INVALID_VALUE;
  size_t pitch = (WidthInBytes + 511) / 512 * 512;
  if (Height > SIZE_MAX / pitch) return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult result = cuMemAlloc_v2(dptr, pitch * Height);
  if (result == CUDA_SUCCESS) *pPitch = pitch;
  return result;
}

OUTBOARD_EXPORT CUresult cuMemFree_v2(CUdeviceptr dptr) {
  if (CUresult result = client::require_context()) return result;
  if (!dptr) return CUDA_SUCCESS;
  if (CUresult result = client::check_unsafe_call()) return result;
  CUresult freed = CUDA_SUCCESS;
  if (client::graph::free_block(dptr, freed)) return freed ? freed : cuCtxSynchronize();
  auto range = client::find_range(dptr);
  if (!range || range->address != dptr ||
      (range->kind != client::Kind::device && range->kind != client::Kind::managed)) {
    client::check_bad_free("cuMemFree", dptr);
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (range->pool) {  // freed in the order of a stream that has been waited for
    if (CUresult result = cuCtxSynchronize()) return result;
    CUresult result = cuMemFreeAsync(dptr, nullptr);
    client::trim_pools();
    return result;
  }
  client::forget(dptr);
  client::unshare(dptr);
  return client::return_memory(dptr, range->size) ? client::context_failure() : remote::cuMemFree_v2(dptr);
}

OUTBOARD_EXPORT CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  if (CUresult result = client::require_context()) return result;
  return remote::cuMemGetInfo_v2(free, total);
}

OUTBOARD_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  if (CUresult result = client::require_context()) return result;
  auto range = client::find_range(dptr);
  if (!range) return CUDA_ERROR_NOT_FOUND;
  if (pbase) *pbase = range->address;
  if (psize) *psize = range->size;
  return CUDA_SUCCESS;
}
