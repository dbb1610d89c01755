// Memory's fourth part: an owner that is far away gets addresses and a budget, and allocates within them without an
// answer. What it says is checked here all the same.
#include <algorithm>
#include <utility>

#include "device/software/run/window.h"

namespace software {
namespace {

constexpr uint64_t huge_page = uint64_t{2} << 20;

}  // namespace

Memory::Leased* Memory::leased_at(uint64_t address) {
  for (auto& [owner, leased] : leases_)
    if (address - leased.lease.begin < leased.lease.end - leased.lease.begin) return &leased;
  return nullptr;
}

// Where others share the limit, memory that is lent but not used would be refused to them; and where what is freed is
// kept apart, its addresses are not the owner's to use again.
Memory::Lent Memory::lend(const MemoryOwner* owner, uint64_t least, Lease& lease) {
  std::lock_guard hold(lock_);
  if (gap_ || (quota_ && quota_->shared())) return Lent::no_addresses;
  const unsigned ordinal = owner ? owner->ordinal : 0;
  uint64_t& used = used_.at(ordinal);
  auto found = leases_.find(owner);
  if (found == leases_.end()) {
    const uint64_t wanted = std::min(limit_ * 2, size_ / 8) / huge_page * huge_page;
    const uint64_t begin = wanted ? free_.take(wanted, huge_page) : 0;
    if (!begin) return Lent::no_addresses;
    found = leases_.emplace(owner, Leased{{begin, begin + wanted, 0}, ordinal, FreeList(begin, begin + wanted)}).first;
  }
  const uint64_t left = limit_ - used;
  if (least > left) return Lent::no_memory;
  const uint64_t more = std::max(least, left / 2 / granule * granule);
  used += more;
  found->second.lease.budget += more;
  lease = found->second.lease;
  return Lent::yes;
}

bool Memory::allocate_at(uint64_t address, uint64_t size, const MemoryOwner* owner) {
  std::lock_guard hold(lock_);
  auto found = leases_.find(owner);
  if (found == leases_.end() || size == 0 || size > limit_ || address % granule) return false;
  auto& [lease, ordinal, free] = found->second;
  const uint64_t room = room_of(size);
  if (room > lease.budget || !free.take_at(address, room)) return false;
  if (!open_pages(address, room)) {
    free.give(address, address + room);
    return false;
  }
  lease.budget -= room;
  if (quota_) quota_->take(room);
  keep({address, size, MemoryKind::device, owner, ordinal, ++numbers_, true});
  return true;
}

void Memory::settle(const MemoryOwner* owner) {
  std::lock_guard hold(lock_);
  auto found = leases_.find(owner);
  if (found == leases_.end()) return;
  used_.at(found->second.ordinal) -= std::exchange(found->second.lease.budget, 0);
}

// Its allocations are gone.
void Memory::end_lease(const MemoryOwner* owner) {
  auto found = leases_.find(owner);
  if (found == leases_.end()) return;
  const auto [begin, end, budget] = found->second.lease;
  used_.at(found->second.ordinal) -= budget;
  leases_.erase(found);
  free_.give(begin, end);
}

}  // namespace software
