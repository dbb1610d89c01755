// Memory pools and memory in the order of a stream. A pool is this process's (pool_memory.h); behind it lies memory
// that is allocated like the program's own. With --check the device's own stream-ordered memory is behind it, for
// whoever checks sees each allocation.
#include "client/cuda/pools.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "client/cuda/capture.h"
#include "client/cuda/checking.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/hold.h"
#include "client/cuda/leases.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/pool_memory.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

struct Pool {
  CUdevice device = 0;
  bool standard = false;   // the device's default pool, which nobody can destroy
  bool destroyed = false;  // lives until what was taken from it is freed
  int reuse[3] = {1, 1, 1};
  uint64_t release_threshold = 0;             // bytes
  uint64_t most_used = 0, most_reserved = 0;  // bytes
  std::map<client::Context*, client::PoolMemory> memory = {};

  uint64_t used() const { return memory.empty() ? client::bytes_of_pool(this) : sum(&client::PoolMemory::used); }
  uint64_t reserved() const {
    return memory.empty() ? client::bytes_of_pool(this) : sum(&client::PoolMemory::reserved);
  }
  void note_most() {
    most_used = std::max(most_used, used());
    most_reserved = std::max(most_reserved, reserved());
  }

 private:
  uint64_t sum(uint64_t (client::PoolMemory::*bytes)() const) const {
    uint64_t all = 0;
    for (const auto& [context, its] : memory) all += (its.*bytes)();
    return all;
  }
};

struct Pools {
  std::mutex lock;
  std::map<const Pool*, std::unique_ptr<Pool>> all;
  std::map<CUdevice, Pool*> standard, chosen;  // cuDeviceGetDefaultMemPool, cuDeviceSetMemPool

  Pool* find(CUmemoryPool handle) {
    auto found = all.find(reinterpret_cast<Pool*>(handle));
    return found == all.end() || found->second->destroyed ? nullptr : found->second.get();
  }
  Pool* make(CUdevice device) {
    auto pool = std::make_unique<Pool>();
    pool->device = device;
    Pool* made = pool.get();
    all[made] = std::move(pool);
    return made;
  }
  Pool* standard_of(CUdevice device) {
    Pool*& pool = standard[device];
    if (!pool) pool = make(device), pool->standard = true;
    return pool;
  }
  Pool* chosen_of(CUdevice device) {
    Pool*& pool = chosen[device];
    return pool ? pool : pool = standard_of(device);
  }
};

Pools& pools() {
  static auto* made = new Pools;  // outlives the program's destructors
  return *made;
}

// Holds the lock. What this thread asks of the device meanwhile may find no memory, and must not come back here.
thread_local bool holding = false;

std::atomic<bool> something_freed{false};  // and was perhaps in use when pools were trimmed last

bool each_is_seen() {
  static const bool is = !client::wanted_checks().empty();
  return is;
}

CUmemoryPool handle_of(Pool* pool) { return reinterpret_cast<CUmemoryPool>(pool); }

CUresult known_device(CUdevice device) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  return client::server_ordinal(device) < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

// The caller holds the lock.
bool release_memory() {
  bool any = false;
  for (auto& [key, pool] : pools().all) {
    auto own = pool->memory.find(client::current());
    if (own == pool->memory.end() || !own->second.can_shrink()) continue;
    const uint64_t before = own->second.reserved();
    own->second.wait_for_work();
    own->second.trim(0);
    any |= own->second.reserved() < before;
  }
  return any;
}

CUresult allocate(CUdeviceptr* address, size_t size, Pool* pool, CUstream named) {
  if (pool->device != client::current()->device) return CUDA_ERROR_NOT_SUPPORTED;
  const CUstream stream = client::resolve(named);
  if (stream && !client::is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  CUresult result = CUDA_SUCCESS;
  if (each_is_seen()) {
    result = remote::cuMemAllocAsync(address, size, stream);
  } else {
    client::PoolMemory& memory = pool->memory[client::current()];
    result = memory.take(size, stream, *address);
    if (result == CUDA_ERROR_OUT_OF_MEMORY && release_memory()) result = memory.take(size, stream, *address);
  }
  if (result) return result;
  client::remember({*address, size, client::Kind::device, client::current(), 0, pool});
  pool->note_most();
  return CUDA_SUCCESS;
}

// The caller holds the lock.
void end_if_unused(Pool& pool) {
  if (!pool.destroyed || pool.used()) return;
  for (auto& [context, memory] : pool.memory)
    if (context == client::current()) memory.end();
  pools().all.erase(&pool);
}

// Memory of a pool. Freed in another context than its own, it is waited for.
CUresult free_memory(const client::Range& range, CUstream named) {
  const CUstream stream = client::resolve(named);
  if (stream && !client::is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (!client::forget(range.address)) return CUDA_ERROR_INVALID_VALUE;
  const bool elsewhere = range.context != client::current();
  if (elsewhere)
    if (CUresult result = remote::cuStreamSynchronize(stream)) return result;
  client::Hold hold(pools().lock, holding);
  auto found = pools().all.find(static_cast<const Pool*>(range.pool));
  if (found == pools().all.end()) return CUDA_ERROR_INVALID_VALUE;
  Pool& pool = *found->second;
  CUresult result = client::context_failure();
  if (each_is_seen())
    result = remote::cuMemFreeAsync(range.address, stream);
  else if (elsewhere)
    pool.memory[range.context].give_unused(range.address);
  else
    pool.memory[range.context].give(range.address, stream);
  something_freed = true;
  end_if_unused(pool);
  return result;
}

// The pool behind a location; only device memory has pools here.
CUresult device_of(const CUmemLocation* location, CUmemAllocationType type, CUdevice& device) {
  if (!location) return CUDA_ERROR_INVALID_VALUE;
  if (location->type != CU_MEM_LOCATION_TYPE_DEVICE || type != CU_MEM_ALLOCATION_TYPE_PINNED)
    return CUDA_ERROR_NOT_SUPPORTED;
  device = location->id;
  return known_device(device);
}

}  // namespace

namespace client {

void trim_pools() {
  if (!something_freed.load(std::memory_order_relaxed)) return;
  Hold hold(pools().lock, holding);
  bool more = false;
  for (auto& [key, pool] : pools().all)
    for (auto& [context, memory] : pool->memory) {
      if (context == current()) memory.trim(pool->release_threshold);
      more |= memory.may_be_used();
    }
  something_freed = more;
}

bool release_pool_memory() {
  if (holding || !current()) return false;
  Hold hold(pools().lock, holding);
  return release_memory();
}

void forget_pool_memory(const Context& context) {
  Hold hold(pools().lock, holding);
  for (auto& [key, pool] : pools().all)
    std::erase_if(pool->memory, [&](const auto& entry) { return entry.first == &context; });
}

}  // namespace client

OUTBOARD_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (!dptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
  if (client::capturing(hStream)) return client::capture_allocation(hStream, dptr, bytesize);
  client::Hold hold(pools().lock, holding);
  return allocate(dptr, bytesize, pools().chosen_of(client::current()->device), hStream);
}

OUTBOARD_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool,
                                                 CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  client::Hold hold(pools().lock, holding);
  Pool* found = pools().find(pool);
  if (!dptr || bytesize == 0 || !found) return CUDA_ERROR_INVALID_VALUE;
  if (client::capturing(hStream)) return client::capture_allocation(hStream, dptr, bytesize);
  return allocate(dptr, bytesize, found, hStream);
}

OUTBOARD_EXPORT CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (client::capturing(hStream)) return client::capture_free(hStream, dptr);
  CUresult freed = CUDA_SUCCESS;
  if (client::graph::free_block(dptr, freed)) return freed;
  auto range = client::find_range(dptr);
  if (range && range->address == dptr && range->pool) return free_memory(*range, hStream);
  if (!client::forget(dptr)) {
    client::check_bad_free("cuMemFreeAsync", dptr);
    return CUDA_ERROR_INVALID_VALUE;
  }
  // Memory of cuMemAlloc: freed after all work, and so after this stream's.
  if (client::return_memory(dptr, range->size)) return client::context_failure();
  return remote::cuMemFreeAsync(dptr, client::resolve(hStream));
}

OUTBOARD_EXPORT CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  CUdevice device = 0;
  if (!pool || !poolProps) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = device_of(&poolProps->location, poolProps->allocType, device)) return result;
  if (poolProps->handleTypes != CU_MEM_HANDLE_TYPE_NONE) return CUDA_ERROR_NOT_SUPPORTED;
  std::lock_guard hold(pools().lock);
  *pool = handle_of(pools().make(device));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  client::Hold hold(pools().lock, holding);
  Pool* found = pools().find(pool);
  if (!found || found->standard) return CUDA_ERROR_INVALID_VALUE;
  std::erase_if(pools().chosen, [&](const auto& entry) { return entry.second == found; });
  found->destroyed = true;
  end_if_unused(*found);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t minBytesToKeep) {
  client::Hold hold(pools().lock, holding);
  Pool* found = pools().find(pool);
  if (!found) return CUDA_ERROR_INVALID_VALUE;
  if (auto own = found->memory.find(client::current()); own != found->memory.end()) own->second.trim(minBytesToKeep);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value_) {
  std::lock_guard hold(pools().lock);
  Pool* found = pools().find(pool);
  if (!found || !value_) return CUDA_ERROR_INVALID_VALUE;
  auto bytes = [&] { return *static_cast<uint64_t*>(value_); };
  switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      found->reuse[attr - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES] = *static_cast<int*>(value_);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: found->release_threshold = bytes(); return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:  // may only be reset
      if (bytes() != 0) return CUDA_ERROR_INVALID_VALUE;
      if (attr == CU_MEMPOOL_ATTR_USED_MEM_HIGH)
        found->most_used = found->used();
      else
        found->most_reserved = found->reserved();
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

OUTBOARD_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value_) {
  std::lock_guard hold(pools().lock);
  Pool* found = pools().find(pool);
  if (!found || !value_) return CUDA_ERROR_INVALID_VALUE;
  auto bytes = [&](uint64_t value) { return *static_cast<uint64_t*>(value_) = value, CUDA_SUCCESS; };
  switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
      *static_cast<int*>(value_) = found->reuse[attr - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES];
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: return bytes(found->release_threshold);
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: return bytes(found->reserved());
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: return bytes(found->used());
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: return bytes(found->most_reserved);
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return bytes(found->most_used);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// Devices do not reach each other's memory; the own device always does.
OUTBOARD_EXPORT CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* map, size_t count) {
  std::lock_guard hold(pools().lock);
  Pool* found = pools().find(pool);
  if (!found || (!map && count)) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    bool own = map[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE && map[i].location.id == found->device;
    if (!own && map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE) return CUDA_ERROR_INVALID_DEVICE;
    if (own && map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE) return CUDA_ERROR_INVALID_DEVICE;
  }
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool memPool, CUmemLocation* location) {
  std::lock_guard hold(pools().lock);
  Pool* found = pools().find(memPool);
  if (!found || !flags || !location) return CUDA_ERROR_INVALID_VALUE;
  bool own = location->type == CU_MEM_LOCATION_TYPE_DEVICE && location->id == found->device;
  *flags = own ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) {
  if (CUresult result = known_device(dev)) return result;
  if (!pool_out) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(pools().lock);
  *pool_out = handle_of(pools().standard_of(dev));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) {
  if (CUresult result = known_device(dev)) return result;
  if (!pool) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(pools().lock);
  *pool = handle_of(pools().chosen_of(dev));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool pool) {
  if (CUresult result = known_device(dev)) return result;
  std::lock_guard hold(pools().lock);
  Pool* found = pools().find(pool);
  if (!found || found->device != dev) return CUDA_ERROR_INVALID_VALUE;
  pools().chosen[dev] = found;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemGetDefaultMemPool(CUmemoryPool* pool_out, CUmemLocation* location,
                                                CUmemAllocationType type) {
  CUdevice device = 0;
  if (CUresult result = device_of(location, type, device)) return result;
  return cuDeviceGetDefaultMemPool(pool_out, device);
}

OUTBOARD_EXPORT CUresult cuMemGetMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType type) {
  CUdevice device = 0;
  if (CUresult result = device_of(location, type, device)) return result;
  return cuDeviceGetMemPool(pool, device);
}

OUTBOARD_EXPORT CUresult cuMemSetMemPool(CUmemLocation* location, CUmemAllocationType type, CUmemoryPool pool) {
  CUdevice device = 0;
  if (CUresult result = device_of(location, type, device)) return result;
  return cuDeviceSetMemPool(device, pool);
}
