// Alignment of 16 bytes: CUDA C++ Programming Guide, "Dynamic Global Memory Allocation".
#include "device/software/run/heap.h"

namespace software {
namespace {
constexpr uint64_t alignment = 16;
}

void* Heap::allocate(uint64_t size) {
  std::lock_guard hold(lock_);
  if (size > size_) return nullptr;
  if (!free_) {
    uint64_t base = memory_.allocate(size_, MemoryKind::heap, owner_);
    if (!base) return nullptr;
    free_.emplace(base, base + size_);
  }
  uint64_t room = size == 0 ? alignment : (size + alignment - 1) & ~(alignment - 1);
  uint64_t address = free_->take(room, alignment);
  if (address) sizes_[address] = room;
  return reinterpret_cast<void*>(address);
}

bool Heap::free(void* pointer) {
  if (!pointer) return true;
  std::lock_guard hold(lock_);
  auto found = sizes_.find(reinterpret_cast<uint64_t>(pointer));
  if (found == sizes_.end()) return false;
  free_->give(found->first, found->first + found->second);
  sizes_.erase(found);
  return true;
}

bool Heap::resize(uint64_t size) {
  std::lock_guard hold(lock_);
  if (free_) return size == size_;
  size_ = size;
  return true;
}

}  // namespace software
