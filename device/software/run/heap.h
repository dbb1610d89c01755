// What a kernel's malloc hands out: a part of device memory, taken at the first use. Thread-safe.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "device/software/run/window.h"

namespace software {

class Heap {
 public:
  Heap(Memory& memory, const MemoryOwner* owner, uint64_t size) : memory_(memory), owner_(owner), size_(size) {}

  void* allocate(uint64_t size);  // nullptr: no room
  bool free(void* pointer);       // false: not from this heap
  // What malloc gave that `address` lies in: where it begins, and the bytes that were asked for.
  std::optional<std::pair<uint64_t, uint64_t>> find(uint64_t address);
  // The last that begins at `address` or before it.
  std::optional<std::pair<uint64_t, uint64_t>> nearest(uint64_t address);
  uint64_t size() const { return size_; }
  bool resize(uint64_t size);  // false: in use already

 private:
  std::mutex lock_;
  Memory& memory_;
  const MemoryOwner* owner_;
  uint64_t size_;
  std::optional<FreeList> free_;
  std::map<uint64_t, uint64_t> sizes_;  // as asked for
};

}  // namespace software
