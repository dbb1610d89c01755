// The software GPU's memory: reserves the device part of the address window and hands out pieces of it.
// Addresses it gave are native pointers; whatever it did not give faults.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "api/window.h"
#include "base/free_list.h"
#include "base/result.h"
#include "base/shared_memory.h"
#include "device/quota.h"

namespace software {

using base::FreeList;
using device::Quota;

// Where this process's window begins: at api::window_base, or where OUTBOARD_WINDOW_BASE says (a hexadecimal number),
// so that a program which holds that window for another device can have this one beside it.
uint64_t window_base();
inline uint64_t host_area_end() { return window_base() + api::window_size; }
inline bool in_device_area(uint64_t address) { return address - window_base() < api::device_area_size; }

// mapped: memory that was mapped into a reserved range of addresses.
enum class MemoryKind : uint8_t { device, host, managed, module, heap, array, mapped };

// What memory is handed out to: a context, which lives on one of the devices. nullptr as owner: device 0's.
struct MemoryOwner {
  unsigned ordinal = 0;
};

struct Allocation {
  uint64_t address = 0, size = 0;  // size: as asked for
  MemoryKind kind = MemoryKind::device;
  const MemoryOwner* owner = nullptr;
  unsigned ordinal = 0;  // the device whose limit it counts against
  uint64_t number = 0;   // CU_POINTER_ATTRIBUTE_BUFFER_ID
  bool open = true;      // may be read
};

// The memory of all devices of this process: one range of addresses, and a limit for each device. Thread-safe.
class Memory {
 public:
  static constexpr uint64_t granule = 512;  // cuMemAlloc promises at least 256

  // Reserves the device area of the window; `limit` is how much of it may be in use at once on each of `devices`.
  static base::Result<std::unique_ptr<Memory>> reserve(uint64_t limit, unsigned devices = 1);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // 0: out of memory. `size` must not be 0.
  uint64_t allocate(uint64_t size, MemoryKind kind, const MemoryOwner* owner, uint64_t alignment = granule);
  // False: `address` is not the start of an allocation.
  bool free(uint64_t address);
  void free_all(const MemoryOwner* owner);

  // The allocation that `address` lies in.
  std::optional<Allocation> find(uint64_t address) const;
  // Do [address, address + size) lie in one allocation, or in mappings side by side that may be read? An empty range
  // needs only a start that exists.
  bool covers(uint64_t address, uint64_t size) const;

  // --- addresses and a budget of bytes that an owner hands out to itself (leases.cpp); one lease for each
  struct Lease {
    uint64_t begin = 0, end = 0;
    uint64_t budget = 0;
  };
  enum class Lent : uint8_t { yes, no_memory, no_addresses };
  // Raises the budget to `room` bytes or more. No addresses: there are no leases here.
  Lent lend(const MemoryOwner* owner, uint64_t room, Lease& lease);
  // False: not the owner's to take, or beyond the budget, or the system refuses.
  bool allocate_at(uint64_t address, uint64_t size, const MemoryOwner* owner);
  void settle(const MemoryOwner* owner);  // the budget ends
  bool shares_quota() const { return quota_ && quota_->shared(); }

  // --- addresses first, memory behind them later (reservations.cpp)
  // 0: no room. `wanted` is tried first; a window that was moved may be left for it, once (the annex). `size` is a
  // multiple of 2 MiB, so that no page of it is anybody else's.
  uint64_t reserve_range(uint64_t size, uint64_t alignment, uint64_t wanted = 0);
  // Addresses outside of the window that were reserved: memory of this device is there, too.
  bool in_annex(uint64_t address) const {
    const uint64_t begin = annex_.load(std::memory_order_acquire);
    return begin && address - begin < annex_size_.load(std::memory_order_relaxed);
  }
  // False: there is no such reservation, or something is mapped into it.
  bool release_range(uint64_t address, uint64_t size);
  // Puts bytes from `offset` of a shared memory's descriptor at `address`, inaccessible as yet. False: the range is not
  // reserved, or not free.
  bool map(uint64_t address, uint64_t size, int descriptor, uint64_t offset, unsigned ordinal);
  // Whole mappings only, one or more; the addresses stay reserved.
  bool unmap(uint64_t address, uint64_t size);
  bool protect(uint64_t address, uint64_t size, bool read, bool write);
  // Memory without an address counts against its device's limit, too. False: it would exceed it.
  bool charge(unsigned ordinal, uint64_t size);
  void discharge(unsigned ordinal, uint64_t size);

  // --- memory that was allocated and is to be seen by another process
  struct Shared {
    base::SharedMemoryToken token{};
    uint64_t offset = 0;  // of the allocation in the shared memory
  };
  // Moves the pages of the allocation that holds `address` to shared memory, in place. Nothing may write to it
  // meanwhile. Empty: no such allocation, no memory, or its pages are shared in part already.
  std::optional<Shared> share(uint64_t address);

  // --- for checking (freed.cpp). Before the first allocation: every allocation is followed by `gap` bytes of nothing,
  // a multiple of the granule, and what was freed is handed out again late.
  void keep_apart(uint64_t gap) { gap_ = gap; }
  // The freed allocation that `address` lies in, as long as its addresses are not in use again.
  std::optional<Allocation> find_freed(uint64_t address) const;
  // The allocation with the smallest distance from `address`.
  std::optional<Allocation> nearest(uint64_t address) const;
  std::vector<Allocation> all() const;
  // Another number whenever an allocation has come, gone or been protected.
  uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  void note_change() { changes_.fetch_add(1, std::memory_order_acq_rel); }

  uint64_t limit() const { return limit_; }
  // With a quota: what all processes that share it use.
  uint64_t used(unsigned ordinal = 0) const;
  // Before the first allocation: the limit is not of this process alone.
  void obey(const Quota& quota) { quota_ = quota; }

 private:
  Memory(uint64_t base, uint64_t size, uint64_t limit, unsigned devices);
  using Allocations = std::map<uint64_t, Allocation>;  // by address
  struct SharedRange {
    uint64_t end;
    base::SharedMemory memory;
  };
  struct Leased {
    Lease lease;
    unsigned ordinal;
    FreeList free;
  };
  Leased* leased_at(uint64_t address);
  uint64_t loan_for(uint64_t least, uint64_t left) const;
  Lent try_lend(const MemoryOwner* owner, uint64_t room, Lease& lease);
  uint64_t try_allocate(uint64_t size, MemoryKind kind, const MemoryOwner* owner, uint64_t alignment);
  void end_lease(const MemoryOwner* owner);
  bool open_pages(uint64_t address, uint64_t room);
  void keep(const Allocation& allocation);
  bool take(unsigned ordinal, uint64_t size);
  void give(unsigned ordinal, uint64_t size);
  void release(Allocations::iterator at);
  void put_aside(const Allocation& gone);
  void give_back(uint64_t address, uint64_t size);
  void close_pages(uint64_t first, uint64_t last);
  bool reserve_annex(uint64_t wanted, uint64_t size);
  uint64_t room_of(uint64_t size) const { return (size + granule - 1) / granule * granule; }
  SharedRange* make_shared_range(uint64_t begin, uint64_t end);
  template <class Visit>
  bool each_mapping(uint64_t address, uint64_t size, const Visit& visit);

  const uint64_t base_, size_, limit_;
  mutable std::mutex lock_;
  FreeList free_;
  Allocations allocations_;
  std::map<uint64_t, uint64_t> reservations_;      // begin -> end
  std::map<uint64_t, SharedRange> shared_ranges_;  // by begin
  std::map<const MemoryOwner*, Leased> leases_;
  std::vector<uint64_t> used_;  // by ordinal; with what is lent
  std::optional<Quota> quota_;
  uint64_t numbers_ = 0;
  uint64_t gap_ = 0;
  std::deque<Allocation> freed_;  // with gap_: the oldest first
  uint64_t freed_bytes_ = 0;
  std::atomic<uint64_t> changes_{0};
  std::atomic<uint64_t> annex_{0}, annex_size_{0};
};

}  // namespace software
