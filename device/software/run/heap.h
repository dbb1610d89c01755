// What a kernel's malloc hands out: a part of device memory, taken at the first use. Thread-safe.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "device/software/run/window.h"

namespace software {

class Heap {
 public:
  Heap(Memory& memory, const MemoryOwner* owner, uint64_t size) : memory_(memory), owner_(owner), size_(size) {}

  void* allocate(uint64_t size);  // nullptr: no room
  bool free(void* pointer);       // false: not from this heap
  uint64_t size() const { return size_; }
  bool resize(uint64_t size);  // false: in use already

 private:
  std::mutex lock_;
  Memory& memory_;
  const MemoryOwner* owner_;
  uint64_t size_;
  std::optional<FreeList> free_;
  std::unordered_map<uint64_t, uint64_t> sizes_;
};

}  // namespace software
