// What a worker shares with its listener (one page, theirs alone) and, for memory, with the other workers of its
// virtual GPU. Plain words in shared memory: whoever writes nonsense harms nobody but himself and his virtual GPU.
#pragma once
#include <atomic>
#include <cstdint>

namespace device {

struct Share {
  // The listener's word: how many processors may run this worker's kernels at once. 0: none; a futex.
  std::atomic<uint32_t> allowed{UINT32_MAX};
  // The worker's: threads that run kernels now, and that wait to be allowed to.
  std::atomic<uint32_t> running{0}, held{0};
  std::atomic<uint64_t> launches{0}, memory{0}, frames{0}, bytes_in{0}, bytes_out{0};
  // Time in kernels, as the worker says (of a GPU: its device time); the listener asks the system, too (fair_share.h).
  std::atomic<uint64_t> device_ns{0};
};

// The memory of a virtual GPU: each session writes what it uses, and none may take more than is left.
struct MemoryLedger {
  static constexpr unsigned most_sessions = 256;
  uint64_t limit = 0;
  std::atomic<uint64_t> used[most_sessions] = {};
  // Of that, what a session's client may allocate without asking and has not (leases.h). It comes back soon.
  std::atomic<uint64_t> lent[most_sessions] = {};
  // Until then nobody is lent more than he asks for: somebody waits for memory. CLOCK_MONOTONIC.
  std::atomic<uint64_t> scarce_until_ns{0};

  uint64_t sum() const { return sum_of(used); }
  static uint64_t sum_of(const std::atomic<uint64_t> (&words)[most_sessions]) {
    uint64_t all = 0;
    for (const auto& each : words) all += each.load();
    return all;
  }
};

struct Tenancy {
  Share* share = nullptr;
  MemoryLedger* ledger = nullptr;  // nullptr: no virtual GPU
  unsigned slot = 0;               // in the ledger
};

}  // namespace device
