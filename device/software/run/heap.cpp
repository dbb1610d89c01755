// Alignment of 16 bytes: CUDA C++ Programming Guide, "Dynamic Global Memory Allocation".
#include "device/software/run/heap.h"

namespace software {
namespace {

constexpr uint64_t alignment = 16;

uint64_t room_of(uint64_t size) { return size == 0 ? alignment : (size + alignment - 1) & ~(alignment - 1); }

}  // namespace

void* Heap::allocate(uint64_t size) {
  std::lock_guard hold(lock_);
  if (size > size_) return nullptr;
  if (!free_) {
    uint64_t base = memory_.allocate(size_, MemoryKind::heap, owner_);
    if (!base) return nullptr;
    free_.emplace(base, base + size_);
  }
  uint64_t address = free_->take(room_of(size), alignment);
  if (address) sizes_[address] = size;
  memory_.note_change();
  return reinterpret_cast<void*>(address);
}

bool Heap::free(void* pointer) {
  if (!pointer) return true;
  std::lock_guard hold(lock_);
  auto found = sizes_.find(reinterpret_cast<uint64_t>(pointer));
  if (found == sizes_.end()) return false;
  free_->give(found->first, found->first + room_of(found->second));
  sizes_.erase(found);
  memory_.note_change();
  return true;
}

std::optional<std::pair<uint64_t, uint64_t>> Heap::nearest(uint64_t address) {
  std::lock_guard hold(lock_);
  auto after = sizes_.upper_bound(address);
  if (after == sizes_.begin()) return std::nullopt;
  return *std::prev(after);
}

std::optional<std::pair<uint64_t, uint64_t>> Heap::find(uint64_t address) {
  auto found = nearest(address);
  if (found && address - found->first >= found->second) return std::nullopt;
  return found;
}

bool Heap::resize(uint64_t size) {
  std::lock_guard hold(lock_);
  if (free_) return size == size_;
  size_ = size;
  return true;
}

}  // namespace software
