// Memory's third part, for checking: what was freed is kept from being handed out again for a while, so that whoever
// still uses it is found out, and addresses are told by what lies near them.
#include <algorithm>

#include "device/software/run/window.h"

namespace software {
namespace {

constexpr uint64_t page = 4096;
constexpr size_t most_freed = 4096;  // allocations: each may be a mapping of its own (vm.max_map_count)

uint64_t distance(const Allocation& from, uint64_t address) {
  if (address < from.address) return from.address - address;
  return address < from.address + from.size ? 0 : address - (from.address + from.size) + 1;
}

}  // namespace

// The pages go back to the system at once, where no other allocation shares them.
void Memory::put_aside(const Allocation& gone) {
  uint64_t first = (gone.address + page - 1) & ~(page - 1), last = (gone.address + gone.size) & ~(page - 1);
  if (first < last) close_pages(first, last);
  freed_.push_back(gone);
  freed_bytes_ += gone.size;
  while (freed_.size() > most_freed || freed_bytes_ > size_ / 4) {
    const Allocation oldest = freed_.front();
    freed_.pop_front();
    freed_bytes_ -= oldest.size;
    give_back(oldest.address, oldest.size);
  }
}

std::optional<Allocation> Memory::find_freed(uint64_t address) const {
  std::lock_guard hold(lock_);
  auto found = std::find_if(freed_.rbegin(), freed_.rend(),
                            [&](const Allocation& gone) { return address - gone.address < gone.size; });
  if (found == freed_.rend()) return std::nullopt;
  return *found;
}

std::optional<Allocation> Memory::nearest(uint64_t address) const {
  std::lock_guard hold(lock_);
  auto after = allocations_.upper_bound(address);
  std::optional<Allocation> found;
  if (after != allocations_.end()) found = after->second;
  if (after == allocations_.begin()) return found;
  const Allocation& before = std::prev(after)->second;
  if (!found || distance(before, address) <= distance(*found, address)) found = before;
  return found;
}

std::vector<Allocation> Memory::all() const {
  std::lock_guard hold(lock_);
  std::vector<Allocation> found;
  for (const auto& [address, allocation] : allocations_) found.push_back(allocation);
  return found;
}

}  // namespace software
