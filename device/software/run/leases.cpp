// Memory's fourth part: an owner that is far away gets addresses and a budget, and allocates within them without an
// answer. What it says is checked here all the same.
#include <algorithm>
#include <utility>

#include "device/software/run/window.h"

namespace software {
namespace {

constexpr uint64_t huge_page = uint64_t{2} << 20;
constexpr uint64_t most_lent_beyond = uint64_t{16} << 20;

}  // namespace

Memory::Leased* Memory::leased_at(uint64_t address) {
  for (auto& [owner, leased] : leases_)
    if (address - leased.lease.begin < leased.lease.end - leased.lease.begin) return &leased;
  return nullptr;
}

Memory::Lent Memory::lend(const MemoryOwner* owner, uint64_t room, Lease& lease) {
  const Lent lent = try_lend(owner, room, lease);
  if (lent != Lent::no_memory || !quota_ || !quota_->wait_for(room - std::min(room, lease.budget))) return lent;
  return try_lend(owner, room, lease);
}

// Where what is freed is kept apart, its addresses are not the owner's to use again.
Memory::Lent Memory::try_lend(const MemoryOwner* owner, uint64_t room, Lease& lease) {
  std::lock_guard hold(lock_);
  if (gap_) return Lent::no_addresses;
  const unsigned ordinal = owner ? owner->ordinal : 0;
  auto found = leases_.find(owner);
  if (found == leases_.end()) {
    const uint64_t wanted = std::min(limit_ * 2, size_ / 8) / huge_page * huge_page;
    const uint64_t begin = wanted ? free_.take(wanted, huge_page) : 0;
    if (!begin) return Lent::no_addresses;
    found = leases_.emplace(owner, Leased{{begin, begin + wanted, 0}, ordinal, FreeList(begin, begin + wanted)}).first;
  }
  lease = found->second.lease;
  const uint64_t left = limit_ - used_.at(ordinal), least = room - std::min(room, lease.budget);
  if (least > left) return Lent::no_memory;
  uint64_t more = std::max(least, std::min(left, loan_for(least, left)) / granule * granule);
  if (quota_ && !quota_->lend(more) && !quota_->lend(more = least)) return Lent::no_memory;
  used_.at(ordinal) += more;
  lease.budget = found->second.lease.budget += more;
  return Lent::yes;
}

// How much to lend: up to half of what is left; little beside `least`, where others share the limit and wait for it.
uint64_t Memory::loan_for(uint64_t least, uint64_t left) const {
  if (!shares_quota()) return left / 2;
  return least + (quota_->scarce() ? 0 : std::min(quota_->left() / 16, most_lent_beyond));
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
  if (quota_) quota_->use_loan(room);
  keep({address, size, MemoryKind::device, owner, ordinal, ++numbers_, true});
  return true;
}

void Memory::settle(const MemoryOwner* owner) {
  std::lock_guard hold(lock_);
  auto found = leases_.find(owner);
  if (found == leases_.end()) return;
  const uint64_t budget = std::exchange(found->second.lease.budget, 0);
  used_.at(found->second.ordinal) -= budget;
  if (quota_) quota_->end_loan(budget);
}

// Its allocations are gone.
void Memory::end_lease(const MemoryOwner* owner) {
  auto found = leases_.find(owner);
  if (found == leases_.end()) return;
  const auto [begin, end, budget] = found->second.lease;
  used_.at(found->second.ordinal) -= budget;
  if (quota_) quota_->end_loan(budget);
  leases_.erase(found);
  free_.give(begin, end);
}

}  // namespace software
