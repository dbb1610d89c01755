// No lock is held while the driver is called: what frees memory may wait for kernels, and whoever asks for memory, or
// runs the program's one-way calls, must not wait with it.
#include "device/nvidia/memory.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/log.h"
#include "device/nvidia/budget.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

uint64_t up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

CUmemAllocationProp on_device(int device) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device;
  return properties;
}

std::string code(CUresult result) { return std::to_string(static_cast<int>(result)); }

}  // namespace

Memory& memory() {
  static auto* made = new Memory;
  return *made;
}

base::Status Memory::open(int devices) {
  for (int device = 0; device < devices; ++device) {
    int can = 0;
    size_t granularity = 0;
    vendor().cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, device);
    const CUmemAllocationProp properties = on_device(device);
    if (!can || vendor().cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM))
      return base::Error{"GPU " + std::to_string(device) +
                         " has no virtual memory management, which a server needs to place memory at addresses that "
                         "its clients have free"};
    granularity_ = std::max<uint64_t>(granularity_, granularity);
  }
  CUdeviceptr got = 0;
  CUresult result = vendor().cuMemAddressReserve(&got, api::device_area_size, 0, api::window_base, 0);
  if (result == CUDA_SUCCESS && got == api::window_base) return base::Done{};
  if (result == CUDA_SUCCESS) vendor().cuMemAddressFree(got, api::device_area_size);
  return base::Error{
      "the driver does not reserve the address window that clients have (192 GiB from 0x7e8000000000): " +
      (result ? "cuMemAddressReserve answers " + code(result) : "it offers another address") +
      "; check `ulimit -v`, and that the GPU is of the Pascal generation or newer"};
}

// --- blocks: memory with an address

CUresult Memory::give_access(uint64_t address, uint64_t size, int device) {
  std::vector<CUmemAccessDesc> access(1);
  access[0].location = on_device(device).location;
  access[0].flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  {
    std::lock_guard hold(lock_);
    auto [first, last] = readers_.equal_range(device);
    for (; first != last; ++first) {
      access.push_back(access[0]);
      access.back().location.id = first->second;
    }
  }
  return vendor().cuMemSetAccess(address, size, access.data(), access.size());
}

CUresult Memory::map_block(Block& block) {
  const CUmemAllocationProp properties = on_device(block.device);
  if (CUresult result = vendor().cuMemCreate(&block.handle, block.size, &properties, 0)) return result;
  CUresult result = vendor().cuMemMap(block.address, block.size, 0, block.handle, 0);
  if (result == CUDA_SUCCESS) {
    result = give_access(block.address, block.size, block.device);
    if (result) vendor().cuMemUnmap(block.address, block.size);
  }
  if (result) vendor().cuMemRelease(block.handle);
  return result;
}

CUresult Memory::make_block(uint64_t size, int device, Block& block) {
  block.size = up(size, granularity_);
  block.device = device;
  if (block.size < size || !budget().take(device, block.size)) return CUDA_ERROR_OUT_OF_MEMORY;
  {
    std::lock_guard hold(lock_);
    block.address = free_.take(block.size, granularity_);
  }
  CUresult result = block.address ? map_block(block) : CUDA_ERROR_OUT_OF_MEMORY;
  if (result == CUDA_SUCCESS) return result;
  if (block.address) {
    std::lock_guard hold(lock_);
    free_.give(block.address, block.address + block.size);
  }
  budget().give(device, block.size);
  return result;
}

void Memory::destroy_block(const Block& block) {
  CUresult result = vendor().cuMemUnmap(block.address, block.size);
  if (result == CUDA_SUCCESS) result = vendor().cuMemRelease(block.handle);
  if (result)  // its addresses stay taken, because something may still be there
    return base::log(base::Level::warn, "memory does not go back", {{"error", code(result)}});
  block.on_loan ? budget().end_loan(block.device, block.size) : budget().give(block.device, block.size);
  std::lock_guard hold(lock_);
  free_.give(block.address, block.address + block.size);
}

CUresult Memory::let_use(int reader, int owner) {
  std::vector<Block> all;
  {
    std::lock_guard hold(lock_);
    auto [first, last] = readers_.equal_range(owner);
    if (std::any_of(first, last, [&](const auto& entry) { return entry.second == reader; })) return CUDA_SUCCESS;
    readers_.emplace(owner, reader);
    for (const auto& [address, block] : blocks_)
      if (block.device == owner) all.push_back(block);
    for (const auto& [context, heap] : heaps_)
      for (const auto& [address, block] : heap.blocks)
        if (block.device == owner) all.push_back(block);
    for (const auto& [context, lent] : lent_)
      for (const auto& [address, its] : lent.blocks)
        if (its.block.device == owner) all.push_back(its.block);
  }
  for (const Block& block : all)
    if (CUresult result = give_access(block.address, block.size, owner)) return result;
  return CUDA_SUCCESS;
}

// --- allocations

CUresult Memory::try_allocate(uint64_t size, CUcontext context, int device, CUdeviceptr& address) {
  const bool small = size < small_limit;
  const uint64_t room = up(size, granule);
  if (small) {
    std::lock_guard hold(lock_);
    address = heaps_[context].free.take(room, granule);
    if (address) return allocations_[address] = {address, size, context, device}, CUDA_SUCCESS;
  }
  Block block;
  if (CUresult result = make_block(size, device, block)) return result;
  std::lock_guard hold(lock_);
  address = block.address;
  if (small) {
    heaps_[context].blocks[block.address] = block;
    heaps_[context].free.give(block.address + room, block.address + block.size);
  } else {
    blocks_[block.address] = block;
  }
  allocations_[address] = {address, size, context, device};
  return CUDA_SUCCESS;
}

CUresult Memory::allocate(uint64_t size, CUcontext context, int device, CUdeviceptr& address) {
  CUresult result = try_allocate(size, context, device, address);
  if (result != CUDA_ERROR_OUT_OF_MEMORY) return result;
  wait_for_frees();
  return try_allocate(size, context, device, address);
}

std::optional<Allocation> Memory::find(uint64_t address) {
  std::lock_guard hold(lock_);
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return std::nullopt;
  const Allocation& candidate = std::prev(after)->second;
  if (address - candidate.address >= candidate.size) return std::nullopt;
  return candidate;
}

// A context keeps one empty block, so that a program which takes and gives one piece again and again pays for it once.
void Memory::give_back(const Allocation& allocation) {
  std::vector<Block> empty;
  {
    std::lock_guard hold(lock_);
    if (auto own = blocks_.find(allocation.address); own != blocks_.end()) {
      empty.push_back(own->second);
      blocks_.erase(own);
    } else if (auto heap = heaps_.find(allocation.context); heap != heaps_.end()) {
      auto& [blocks, free] = heap->second;
      auto [begin, end] = free.give(allocation.address, allocation.address + up(allocation.size, granule));
      auto block = std::prev(blocks.upper_bound(allocation.address));
      const auto& [first, its] = *block;
      if (blocks.size() > 1 && begin <= first && first + its.size <= end && free.take_at(first, its.size)) {
        empty.push_back(its);
        blocks.erase(block);
      }
    }
  }
  for (const Block& block : empty) destroy_block(block);
}

// --- freeing

bool Memory::free(uint64_t address, CUevent event) {
  std::lock_guard hold(lock_);
  auto found = allocations_.find(address);
  if (found == allocations_.end()) return false;
  reap_soon({found->second, event});
  allocations_.erase(found);
  return true;
}

// The caller holds the lock.
void Memory::reap_soon(const Freed& freed) {
  freed_.push_back(freed);
  ++unfinished_;
  if (!reaping_) std::thread([this] { reap(); }).detach();
  reaping_ = true;
  freed_changed_.notify_all();
}

void Memory::reap() {
  std::unique_lock hold(lock_);
  for (;;) {
    freed_changed_.wait(hold, [this] { return !freed_.empty(); });
    const Freed next = freed_.front();
    freed_.pop_front();
    reaping_of_ = next.allocation.context;
    hold.unlock();
    // An error that sticks to the context ends its work, too.
    vendor().cuCtxSetCurrent(next.allocation.context);
    if (next.event) {
      vendor().cuEventSynchronize(next.event);
      vendor().cuEventDestroy_v2(next.event);
    } else {
      vendor().cuCtxSynchronize();
    }
    next.block ? destroy_block(*next.block) : give_back(next.allocation);
    hold.lock();
    reaping_of_ = nullptr;
    --unfinished_;
    freed_changed_.notify_all();
  }
}

void Memory::wait_for_frees() {
  std::unique_lock hold(lock_);
  freed_changed_.wait(hold, [this] { return unfinished_ == 0; });
}

// Its work has ended with it, and its events are gone.
void Memory::free_all(CUcontext context) {
  std::vector<Block> gone;
  {
    std::unique_lock hold(lock_);
    for (auto at = freed_.begin(); at != freed_.end();) {
      if (at->allocation.context != context) {
        ++at;
        continue;
      }
      if (at->block)
        gone.push_back(*at->block);
      else
        allocations_[at->allocation.address] = at->allocation;
      at = freed_.erase(at);
      --unfinished_;
    }
    freed_changed_.notify_all();
    freed_changed_.wait(hold, [&] { return reaping_of_ != context; });
    for (auto at = allocations_.begin(); at != allocations_.end();) {
      if (at->second.context != context) {
        ++at;
        continue;
      }
      if (auto own = blocks_.find(at->first); own != blocks_.end()) {
        gone.push_back(own->second);
        blocks_.erase(own);
      }
      at = allocations_.erase(at);
    }
    if (auto heap = heaps_.find(context); heap != heaps_.end()) {
      for (const auto& [address, block] : heap->second.blocks) gone.push_back(block);
      heaps_.erase(heap);
    }
    if (auto lent = lent_.find(context); lent != lent_.end()) {
      for (const auto& [address, its] : lent->second.blocks) gone.push_back(its.block);
      lent_.erase(lent);
    }
  }
  for (const Block& block : gone) destroy_block(block);
}

// --- addresses alone

uint64_t Memory::reserve(uint64_t size, uint64_t alignment, uint64_t wanted) {
  std::lock_guard hold(lock_);
  if (!size || size % granularity_ || (alignment & (alignment - 1))) return 0;
  alignment = std::max(alignment, granularity_);
  uint64_t address = wanted && wanted % alignment == 0 && free_.take_at(wanted, size) ? wanted : 0;
  if (!address && size <= api::device_area_size) address = free_.take(size, alignment);
  if (address) reservations_[address] = size;
  return address;
}

bool Memory::release(uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  auto found = reservations_.find(address);
  if (found == reservations_.end() || found->second != size) return false;
  free_.give(address, address + size);
  reservations_.erase(found);
  return true;
}

bool Memory::is_reserved(uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  auto after = reservations_.upper_bound(address);
  if (after == reservations_.begin()) return false;
  auto [begin, room] = *std::prev(after);
  return address - begin <= room && size <= room - (address - begin);
}

}  // namespace nvidia
