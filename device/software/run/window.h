// The software GPU's memory: reserves the device part of the address window and hands out pieces of it.
// Addresses it gave are native pointers; whatever it did not give faults.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/free_list.h"
#include "base/result.h"

namespace software {

using base::FreeList;

enum class MemoryKind : uint8_t { device, host, managed, module, heap };

struct Allocation {
  uint64_t address = 0, size = 0;  // size: as asked for
  MemoryKind kind = MemoryKind::device;
  const void* owner = nullptr;  // the context
  uint64_t number = 0;          // CU_POINTER_ATTRIBUTE_BUFFER_ID
};

// All of the device's memory. Thread-safe.
class Memory {
 public:
  static constexpr uint64_t granule = 512;  // cuMemAlloc promises at least 256

  // Reserves the device area of the window; `limit` is how much of it may be in use at once.
  static base::Result<std::unique_ptr<Memory>> reserve(uint64_t limit);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // 0: out of memory. `size` must not be 0.
  uint64_t allocate(uint64_t size, MemoryKind kind, const void* owner, uint64_t alignment = granule);
  // False: `address` is not the start of an allocation.
  bool free(uint64_t address);
  void free_all(const void* owner);

  // The allocation that `address` lies in.
  std::optional<Allocation> find(uint64_t address) const;
  // Do [address, address + size) lie in one allocation? An empty range needs only a start that exists.
  bool covers(uint64_t address, uint64_t size) const;

  uint64_t limit() const { return limit_; }
  uint64_t used() const;

 private:
  Memory(uint64_t base, uint64_t size, uint64_t limit);
  void release(std::map<uint64_t, Allocation>::iterator at);

  const uint64_t base_, size_, limit_;
  mutable std::mutex lock_;
  FreeList free_;
  std::map<uint64_t, Allocation> allocations_;  // by address
  uint64_t used_ = 0, numbers_ = 0;
};

}  // namespace software
