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
  // Device time that the worker has used, where the device measures it (a GPU); else the listener asks the system.
  std::atomic<uint64_t> device_ns{0};
};

// The memory of a virtual GPU: each session writes what it uses, and none may take more than is left.
struct MemoryLedger {
  static constexpr unsigned most_sessions = 256;
  uint64_t limit = 0;
  std::atomic<uint64_t> used[most_sessions] = {};

  uint64_t sum() const {
    uint64_t all = 0;
    for (const auto& each : used) all += each.load();
    return all;
  }
};

struct Tenancy {
  Share* share = nullptr;
  MemoryLedger* ledger = nullptr;  // nullptr: no virtual GPU
  unsigned slot = 0;               // in the ledger
};

}  // namespace device
