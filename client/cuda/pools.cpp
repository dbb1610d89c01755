// Memory pools and memory in the order of a stream. A pool is bookkeeping of this process: its memory is the
// device's own stream-ordered memory, which the driver behind the link keeps in a pool of its own.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "client/cuda/capture.h"
#include "client/cuda/checking.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/leases.h"
#include "client/cuda/memory_map.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

struct Pool {
  CUdevice device = 0;
  bool standard = false;  // the device's default pool, which nobody can destroy
  int reuse[3] = {1, 1, 1};
  uint64_t release_threshold = 0, highest = 0;  // bytes
};

struct Pools {
  std::mutex lock;
  std::map<const Pool*, std::unique_ptr<Pool>> all;
  std::map<CUdevice, Pool*> standard, chosen;  // cuDeviceGetDefaultMemPool, cuDeviceSetMemPool

  Pool* find(CUmemoryPool handle) {
    auto found = all.find(reinterpret_cast<Pool*>(handle));
    return found == all.end() ? nullptr : found->second.get();
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

CUmemoryPool handle_of(Pool* pool) { return reinterpret_cast<CUmemoryPool>(pool); }

CUresult known_device(CUdevice device) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  return client::server_ordinal(device) < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

CUresult allocate(CUdeviceptr* address, size_t size, Pool* pool, CUstream stream) {
  if (pool->device != client::current()->device) return CUDA_ERROR_NOT_SUPPORTED;
  if (CUresult result = remote::cuMemAllocAsync(address, size, client::resolve(stream))) return result;
  client::remember({*address, size, client::Kind::device, client::current(), 0, pool});
  pool->highest = std::max(pool->highest, client::bytes_of_pool(pool));
  return CUDA_SUCCESS;
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

OUTBOARD_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (!dptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
  if (client::capturing(hStream)) return client::capture_allocation(hStream, dptr, bytesize);
  std::lock_guard hold(pools().lock);
  return allocate(dptr, bytesize, pools().chosen_of(client::current()->device), hStream);
}

OUTBOARD_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool,
                                                 CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  std::lock_guard hold(pools().lock);
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
  std::lock_guard hold(pools().lock);
  Pool* found = pools().find(pool);
  if (!found || found->standard) return CUDA_ERROR_INVALID_VALUE;
  std::erase_if(pools().chosen, [&](const auto& entry) { return entry.second == found; });
  pools().all.erase(found);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {  // nothing is kept on this side
  std::lock_guard hold(pools().lock);
  return pools().find(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
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
      found->highest = client::bytes_of_pool(found);
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
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: return bytes(client::bytes_of_pool(found));
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return bytes(found->highest);
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
