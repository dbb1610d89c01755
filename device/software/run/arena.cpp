#include "device/software/run/arena.h"

#include <sys/mman.h>

#include <algorithm>

namespace software {
namespace {

constexpr size_t page = 4096;

}  // namespace

Arena::~Arena() { drop(); }

void Arena::drop() {
  if (base_) munmap(base_, capacity_ + page);
  base_ = nullptr;
  capacity_ = 0;
}

uint8_t* Arena::get(size_t bytes, size_t alignment) {
  size_t room = (bytes + alignment - 1) & ~(alignment - 1);
  if (!base_ || room > capacity_) {
    drop();
    size_t capacity = (room + page - 1) & ~(page - 1);
    void* at =
        mmap(nullptr, capacity + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    base_ = static_cast<uint8_t*>(at);
    capacity_ = capacity;
    mprotect(base_ + capacity_, page, PROT_NONE);
  }
  return base_ + capacity_ - room;
}

ClusterArena::~ClusterArena() { drop(); }

void ClusterArena::drop() {
  if (base_) munmap(base_, size_);
  base_ = nullptr;
}

uint8_t* ClusterArena::get(size_t blocks, size_t bytes, size_t pitch) {
  bytes = std::max(page, (bytes + page - 1) & ~(page - 1));
  if (base_ && blocks == blocks_ && bytes == bytes_ && pitch == pitch_) return base_ + page;
  drop();
  size_ = page + blocks * pitch;
  void* at = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  base_ = static_cast<uint8_t*>(at);
  blocks_ = blocks, bytes_ = bytes, pitch_ = pitch;
  for (size_t i = 0; i < blocks; ++i)
    if (mprotect(base_ + page + i * pitch, bytes, PROT_READ | PROT_WRITE)) return nullptr;
  return base_ + page;
}

}  // namespace software
