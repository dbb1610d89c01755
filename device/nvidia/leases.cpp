// Blocks that clients divide by themselves (device/leases.h). A block is lent with its memory, so that nothing that a
// client allocates there can fail. Addresses that were freed may be in use by what is queued: whoever allocates over
// them waits for it, as the driver's own cuMemFree would have done.
#include "device/leases.h"

#include <algorithm>

#include "device/nvidia/budget.h"
#include "device/nvidia/memory.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

constexpr uint64_t usual_block = uint64_t{16} << 20;  // of a whole GPU

uint64_t room_of(uint64_t size) {
  return (size + device::lease_granule - 1) / device::lease_granule * device::lease_granule;
}

bool overlap(const Allocation& one, uint64_t address, uint64_t room) {
  return one.address < address + room && address < one.address + room_of(one.size);
}

}  // namespace

CUresult Memory::lend_block(uint64_t size, int device, Block& block) {
  CUresult result = make_block(size, device, block);
  if (result) return result;
  block.on_loan = true;
  budget().leave_loan(device, block.size);
  return CUDA_SUCCESS;
}

CUresult Memory::lend(uint64_t room, CUcontext context, int device, device::Lease& lease) {
  if (!room || room > api::device_area_size) return CUDA_ERROR_OUT_OF_MEMORY;
  Block block;
  // A block with one small allocation is used up as a whole: of a quota that others share, it is the smallest there is.
  CUresult result = lend_block(budget().shared() ? room : std::max(room, usual_block), device, block);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    wait_for_frees();
    result = lend_block(room, device, block);
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY && budget().wait_for(room)) result = lend_block(room, device, block);
  if (result) return result;
  std::lock_guard hold(lock_);
  Lent& lent = lent_[context];
  lent.budget += block.size;
  lent.blocks.insert({block.address, {block, base::FreeList(block.address, block.address + block.size)}});
  lease = {block.address, block.size, lent.budget, true, true};
  return CUDA_SUCCESS;
}

// The caller holds the lock. nullptr: not in a block of the client's.
Memory::LentBlock* Memory::lent_block(Lent& lent, uint64_t address, uint64_t room) {
  auto after = lent.blocks.upper_bound(address);
  if (after == lent.blocks.begin()) return nullptr;
  LentBlock& found = std::prev(after)->second;
  const uint64_t offset = address - found.block.address;
  return offset < found.block.size && room <= found.block.size - offset ? &found : nullptr;
}

// The context is current.
void Memory::wait_for_work(CUcontext context, uint64_t address, uint64_t room) {
  std::lock_guard one_at_a_time(waiting_for_work_);
  size_t known = 0;
  {
    std::lock_guard hold(lock_);
    const std::vector<Allocation>& left = lent_[context].left;
    if (std::ranges::none_of(left, [&](const Allocation& each) { return overlap(each, address, room); })) return;
    known = left.size();
  }
  vendor().cuCtxSynchronize();  // an error that sticks to the context ends its work, too
  std::lock_guard hold(lock_);
  std::vector<Allocation>& left = lent_[context].left;
  left.erase(left.begin(), left.begin() + static_cast<ptrdiff_t>(std::min(known, left.size())));
}

bool Memory::allocate_at(uint64_t address, uint64_t size, CUcontext context) {
  if (!size || size > api::device_area_size || address % granule) return false;
  const uint64_t room = room_of(size);
  wait_for_work(context, address, room);
  std::lock_guard hold(lock_);
  Lent& lent = lent_[context];
  LentBlock* place = lent_block(lent, address, room);
  if (!place || !place->free.take_at(address, room)) return false;
  if (++place->allocations == 1) budget().use_loan(place->block.device, place->block.size);
  place->block.on_loan = false;
  lent.budget -= room;
  allocations_[address] = {address, size, context, place->block.device};
  return true;
}

bool Memory::leave(uint64_t address, bool unused) {
  std::lock_guard hold(lock_);
  auto found = allocations_.find(address);
  if (found == allocations_.end()) return false;
  const Allocation gone = found->second;
  auto lent = lent_.find(gone.context);
  LentBlock* place = lent == lent_.end() ? nullptr : lent_block(lent->second, address, room_of(gone.size));
  if (!place) return false;
  allocations_.erase(found);
  place->free.give(address, address + room_of(gone.size));
  lent->second.budget += room_of(gone.size);
  if (!unused) lent->second.left.push_back(gone);
  if (--place->allocations) return true;
  place->block.on_loan = true;
  budget().leave_loan(place->block.device, place->block.size);
  return true;
}

void Memory::settle(CUcontext context) {
  std::vector<Block> unused;
  {
    std::lock_guard hold(lock_);
    Lent& lent = lent_[context];
    for (auto at = lent.blocks.begin(); at != lent.blocks.end();) {
      const Block block = at->second.block;
      if (at->second.allocations) {
        ++at;
        continue;
      }
      auto in_block = [&](const Allocation& each) { return overlap(each, block.address, block.size); };
      const bool in_use = std::erase_if(lent.left, in_block) != 0;
      if (in_use)
        reap_soon({{block.address, block.size, context, block.device}, nullptr, block});
      else
        unused.push_back(block);
      lent.budget -= block.size;
      at = lent.blocks.erase(at);
    }
  }
  for (const Block& block : unused) destroy_block(block);
}

namespace {

CUresult lend(uint64_t room, device::Lease* lease) {
  CUcontext context = nullptr;
  CUdevice device = 0;
  if (CUresult result = usable_context(context, device)) return result;
  return memory().lend(room, context, device, *lease);
}

CUresult allocate(uint64_t address, uint64_t size) {
  CUcontext context = nullptr;
  CUdevice device = 0;
  if (CUresult result = current_context(context, device)) return result;
  return memory().allocate_at(address, size, context) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult release(uint64_t address) { return memory().leave(address, true) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; }

CUresult settle() {
  CUcontext context = nullptr;
  CUdevice device = 0;
  if (CUresult result = current_context(context, device)) return result;
  memory().settle(context);
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace nvidia

extern "C" __attribute__((visibility("default"))) const device::Leases* outboard_leases() {
  static const device::Leases leases{nvidia::lend, nvidia::allocate, nvidia::release, nvidia::settle};
  return &leases;
}
