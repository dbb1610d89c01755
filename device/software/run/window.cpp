// Reserves with PROT_NONE and opens pages as they are handed out: a stray pointer of a kernel faults, and memory
// that the program freed goes back to the system.
#include "device/software/run/window.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "api/window.h"

namespace software {
namespace {

constexpr uint64_t page = 4096;
constexpr uint64_t huge_page = uint64_t{2} << 20;

uint64_t up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
uint64_t down(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }
void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

uint64_t window_base() {
  static const uint64_t base = [] {
    const char* setting = std::getenv("OUTBOARD_WINDOW_BASE");
    uint64_t given = setting ? std::strtoull(setting, nullptr, 16) : 0;
    return given && given % huge_page == 0 ? given : api::window_base;
  }();
  return base;
}

base::Result<std::unique_ptr<Memory>> Memory::reserve(uint64_t limit, unsigned devices) {
  void* at = mmap(pointer(window_base()), api::device_area_size, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  // Kernels before 4.17 take the address as a hint and may answer another one.
  if (at != MAP_FAILED && at != pointer(window_base())) {
    munmap(at, api::device_area_size);
    at = MAP_FAILED;
    errno = EEXIST;
  }
  if (at == MAP_FAILED)
    return base::Error{std::string("the device's address window cannot be reserved: ") + std::strerror(errno) +
                       "; check `ulimit -v`, and that only one device is opened in this process"};
  return std::unique_ptr<Memory>(new Memory(window_base(), api::device_area_size, limit, devices));
}

// The first page stays unused: an address just below the first allocation faults as well.
Memory::Memory(uint64_t base, uint64_t size, uint64_t limit, unsigned devices)
    : base_(base), size_(size), limit_(limit < size ? limit : size), free_(base + page, base + size), used_(devices) {}

Memory::~Memory() { munmap(pointer(base_), size_); }

// What others were lent and do not use comes back.
uint64_t Memory::allocate(uint64_t size, MemoryKind kind, const MemoryOwner* owner, uint64_t alignment) {
  const uint64_t address = try_allocate(size, kind, owner, alignment);
  if (address || !quota_ || !quota_->wait_for(room_of(size))) return address;
  return try_allocate(size, kind, owner, alignment);
}

uint64_t Memory::try_allocate(uint64_t size, MemoryKind kind, const MemoryOwner* owner, uint64_t alignment) {
  std::lock_guard hold(lock_);
  if (size == 0 || size > limit_) return 0;
  uint64_t room = room_of(size);
  const unsigned ordinal = owner ? owner->ordinal : 0;
  if (!take(ordinal, room)) return 0;
  if (alignment < granule) alignment = granule;
  if (room >= huge_page && alignment < huge_page) alignment = huge_page;
  uint64_t address = free_.take(room + gap_, alignment);
  while (!address && !freed_.empty()) {
    const Allocation oldest = freed_.front();
    freed_.pop_front();
    freed_bytes_ -= oldest.size;
    give_back(oldest.address, oldest.size);
    address = free_.take(room + gap_, alignment);
  }
  if (!address) {
    give(ordinal, room);
    return 0;
  }
  if (!open_pages(address, room)) {
    free_.give(address, address + room + gap_);
    give(ordinal, room);
    return 0;
  }
  keep({address, size, kind, owner, ordinal, ++numbers_, true});
  return address;
}

// False, ENOMEM: too many separate mappings (vm.max_map_count).
bool Memory::open_pages(uint64_t address, uint64_t room) {
  uint64_t begin = down(address, page), end = up(address + room, page);
  if (mprotect(pointer(begin), end - begin, PROT_READ | PROT_WRITE) != 0) return false;
  if (room >= huge_page) madvise(pointer(begin), end - begin, MADV_HUGEPAGE);
  return true;
}

void Memory::keep(const Allocation& allocation) {
  allocations_[allocation.address] = allocation;
  note_change();
}

bool Memory::take(unsigned ordinal, uint64_t size) {
  uint64_t& used = used_.at(ordinal);
  if (size > limit_ - used || (quota_ && !quota_->take(size))) return false;
  used += size;
  return true;
}

void Memory::give(unsigned ordinal, uint64_t size) {
  used_.at(ordinal) -= size;
  if (quota_) quota_->give(size);
}

void Memory::release(Allocations::iterator at) {
  const Allocation gone = at->second;
  const uint64_t room = room_of(gone.size);
  if (Leased* leased = leased_at(gone.address)) {
    leased->lease.budget += room;
    if (quota_) quota_->leave_loan(room);
  } else {
    give(gone.ordinal, room);
  }
  allocations_.erase(at);
  note_change();
  if (gap_)
    put_aside(gone);
  else
    give_back(gone.address, gone.size);
}

void Memory::give_back(uint64_t address, uint64_t size) {
  const uint64_t room = room_of(size);
  Leased* leased = leased_at(address);
  auto [begin, end] = (leased ? leased->free : free_).give(address, address + room + gap_);
  // Of the pages this allocation touched, close those that no other one shares.
  uint64_t first = down(address, page), last = up(address + room, page);
  if (first < begin) first += page;
  if (last > end) last -= page;
  if (first < last) close_pages(first, last);
}

bool Memory::free(uint64_t address) {
  std::lock_guard hold(lock_);
  auto at = allocations_.find(address);
  if (at == allocations_.end() || at->second.kind == MemoryKind::mapped) return false;
  release(at);
  return true;
}

void Memory::free_all(const MemoryOwner* owner) {
  std::lock_guard hold(lock_);
  for (auto at = allocations_.begin(); at != allocations_.end();) {
    auto next = std::next(at);
    if (at->second.owner == owner && at->second.kind != MemoryKind::mapped) release(at);
    at = next;
  }
  end_lease(owner);
}

std::optional<Allocation> Memory::find(uint64_t address) const {
  std::lock_guard hold(lock_);
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return std::nullopt;
  const Allocation& candidate = std::prev(after)->second;
  if (address - candidate.address >= candidate.size) return std::nullopt;
  return candidate;
}

bool Memory::covers(uint64_t address, uint64_t size) const {
  const uint64_t end = address + size;
  for (;;) {
    std::optional<Allocation> allocation = find(address);
    if (!allocation || !allocation->open) return false;
    uint64_t rest = allocation->size - (address - allocation->address);
    if (end - address <= rest) return true;
    if (allocation->kind != MemoryKind::mapped) return false;
    address += rest;
  }
}

uint64_t Memory::used(unsigned ordinal) const {
  std::lock_guard hold(lock_);
  if (quota_ && quota_->shared()) return std::min(quota_->used(), limit_);
  uint64_t lent = 0;
  for (const auto& [owner, leased] : leases_)
    if (leased.ordinal == ordinal) lent += leased.lease.budget;
  return used_.at(ordinal) - lent;
}

}  // namespace software
