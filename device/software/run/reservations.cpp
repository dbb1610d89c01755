// Memory's second half: addresses reserved before there is memory behind them (CUDA Driver API, "Virtual Memory
// Management"), and allocations that become shared with other processes.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "api/window.h"
#include "device/software/run/window.h"

namespace software {
namespace {

constexpr uint64_t page = 4096;
constexpr uint64_t huge_page = uint64_t{2} << 20;

uint64_t up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
uint64_t down(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }
void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

bool write_all(int descriptor, uint64_t from, uint64_t size, uint64_t offset) {
  while (size > 0) {
    ssize_t written = pwrite(descriptor, pointer(from), size, static_cast<off_t>(offset));
    if (written <= 0) return false;
    from += static_cast<uint64_t>(written);
    offset += static_cast<uint64_t>(written);
    size -= static_cast<uint64_t>(written);
  }
  return true;
}

}  // namespace

uint64_t Memory::reserve_range(uint64_t size, uint64_t alignment, uint64_t wanted) {
  std::lock_guard hold(lock_);
  if (size == 0 || size % huge_page || size > size_ || (alignment & (alignment - 1))) return 0;
  uint64_t address = 0;
  if (wanted && wanted % huge_page == 0 && reserve_annex(wanted, size)) {
    reservations_[wanted] = wanted + size;
    return wanted;
  }
  if (wanted && wanted % std::max(alignment, huge_page) == 0 && free_.take_at(wanted, size)) address = wanted;
  if (!address) address = free_.take(size, std::max(alignment, huge_page));
  if (address) reservations_[address] = address + size;
  return address;
}

// One at a time, which is as many as a program needs that wants all of its memory elsewhere.
bool Memory::reserve_annex(uint64_t wanted, uint64_t size) {
  if (base_ == api::window_base) return false;  // nobody has asked for a window elsewhere
  const bool outside = wanted >= base_ + size_ || wanted + size <= base_;
  if (annex_ || !outside || wanted + size < wanted) return false;
  void* at =
      mmap(pointer(wanted), size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (at == MAP_FAILED) return false;
  if (at != pointer(wanted)) return munmap(at, size), false;
  annex_size_ = size;
  annex_ = wanted;
  return true;
}

bool Memory::release_range(uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  auto reserved = reservations_.find(address);
  if (reserved == reservations_.end() || reserved->second != address + size) return false;
  auto mapped = allocations_.lower_bound(address);
  if (mapped != allocations_.end() && mapped->first < reserved->second) return false;
  if (address == annex_) {
    munmap(pointer(address), size);
    annex_ = 0;
  } else {
    free_.give(address, reserved->second);
  }
  reservations_.erase(reserved);
  return true;
}

bool Memory::map(uint64_t address, uint64_t size, int descriptor, uint64_t offset, unsigned ordinal) {
  std::lock_guard hold(lock_);
  auto reserved = reservations_.upper_bound(address);
  if (size == 0 || reserved == reservations_.begin()) return false;
  uint64_t end = std::prev(reserved)->second;
  if (address >= end || size > end - address) return false;
  auto next = allocations_.lower_bound(address);
  if (next != allocations_.end() && next->first < address + size) return false;
  if (next != allocations_.begin()) {
    const Allocation& before = std::prev(next)->second;
    if (before.address + before.size > address) return false;
  }
  void* at = mmap(pointer(address), size, PROT_NONE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, descriptor,
                  static_cast<off_t>(offset));
  if (at == MAP_FAILED) return false;
  allocations_[address] = {address, size, MemoryKind::mapped, nullptr, ordinal, ++numbers_, false};
  note_change();
  return true;
}

// Calls visit(mapping) for the mappings that [address, address + size) is made of; false: it is not, or visit said so.
template <class Visit>
bool Memory::each_mapping(uint64_t address, uint64_t size, const Visit& visit) {
  if (size == 0 || address + size < address) return false;
  const uint64_t end = address + size;
  uint64_t at = address;
  for (auto found = allocations_.find(at); at < end; found = allocations_.find(at)) {
    if (found == allocations_.end() || found->second.kind != MemoryKind::mapped) return false;
    if (found->second.size > end - at) return false;
    at += found->second.size;
  }
  for (at = address; at < end;) {
    auto found = allocations_.find(at);
    at += found->second.size;
    if (!visit(found)) return false;
  }
  return true;
}

bool Memory::unmap(uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  return each_mapping(address, size, [this](Allocations::iterator mapping) {
    const Allocation gone = mapping->second;
    allocations_.erase(mapping);
    note_change();
    void* at = mmap(pointer(gone.address), gone.size, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    return at != MAP_FAILED;
  });
}

bool Memory::protect(uint64_t address, uint64_t size, bool read, bool write) {
  std::lock_guard hold(lock_);
  return each_mapping(address, size, [=, this](Allocations::iterator mapping) {
    int protection = (read ? PROT_READ : 0) | (write ? PROT_WRITE : 0);
    if (mprotect(pointer(mapping->second.address), mapping->second.size, protection) != 0) return false;
    mapping->second.open = read;
    note_change();
    return true;
  });
}

bool Memory::charge(unsigned ordinal, uint64_t size) {
  const auto try_take = [&] {
    std::lock_guard hold(lock_);
    return take(ordinal, size);
  };
  return try_take() || (quota_ && quota_->wait_for(size) && try_take());
}

void Memory::discharge(unsigned ordinal, uint64_t size) {
  std::lock_guard hold(lock_);
  give(ordinal, size);
}

// Gives pages that no allocation touches back to the system and makes them fault. Shared pages stay the file's: what
// is allocated there next is shared as well, and others that still map them read zeros.
void Memory::close_pages(uint64_t first, uint64_t last) {
  madvise(pointer(first), last - first, MADV_DONTNEED);
  for (auto& [begin, range] : shared_ranges_) {
    uint64_t from = std::max(begin, first), to = std::min(range.end, last);
    if (from < to)
      fallocate(range.memory.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from - begin),
                static_cast<off_t>(to - from));
  }
  mprotect(pointer(first), last - first, PROT_NONE);
}

// A copy of the allocations' bytes takes the place of [begin, end); pages of no allocation fault as before.
Memory::SharedRange* Memory::make_shared_range(uint64_t begin, uint64_t end) {
  auto memory = base::SharedMemory::create(end - begin);
  if (!memory) return nullptr;
  auto overlapping = [&](const auto& visit) {
    for (auto& [address, allocation] : allocations_) {
      uint64_t from = std::max(begin, down(address, page)), to = std::min(end, up(address + allocation.size, page));
      if (from < to && !visit(from, to - from)) return false;
    }
    return true;
  };
  const int file = memory.value().descriptor();
  if (!overlapping([&](uint64_t at, uint64_t size) { return write_all(file, at, size, at - begin); })) return nullptr;
  void* at = mmap(pointer(begin), end - begin, PROT_NONE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, 0);
  if (at == MAP_FAILED) return nullptr;
  overlapping([](uint64_t from, uint64_t size) { return mprotect(pointer(from), size, PROT_READ | PROT_WRITE) == 0; });
  return &shared_ranges_.emplace(begin, SharedRange{end, std::move(memory.value())}).first->second;
}

std::optional<Memory::Shared> Memory::share(uint64_t address) {
  std::optional<Allocation> found = find(address);
  if (!found || found->kind != MemoryKind::device) return std::nullopt;
  std::lock_guard hold(lock_);
  // A small allocation shares its whole block, as with NVIDIA's driver: its neighbours may come to be shared later.
  const uint64_t grain = found->size < huge_page ? huge_page : page;
  uint64_t begin = std::max(down(found->address, grain), base_);
  uint64_t end = std::min(up(found->address + found->size, grain), base_ + size_);
  SharedRange* range = nullptr;
  for (auto& [from, shared] : shared_ranges_) {
    if (from <= found->address && found->address + found->size <= shared.end) {
      begin = from;
      range = &shared;
    } else if (from < end && begin < shared.end) {
      return std::nullopt;
    }
  }
  if (!range) range = make_shared_range(begin, end);
  if (!range) return std::nullopt;
  return Shared{range->memory.token(), found->address - begin};
}

}  // namespace software
