// Races in global memory within one launch: between threads of a block, which are ordered as in shared memory
// (races.h), and between blocks. Of those nothing is ordered by itself. What a block did is known to another one when
// it released it and the other one acquired later (PTX ISA, "Memory Consistency Model"):
//   releases   a fence of the device or the system (__threadfence), a strong access with .release or .acq_rel, the
//              arrival at a cluster's barrier;
//   acquires   any strong access (atomic, volatile, relaxed, .cg, .cv), passing a cluster's barrier.
// In doubt there is no race: a block counts as a whole, whichever of its threads releases or acquires; it matters not
// at which address; an atomic access releases itself.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "device/software/check/races.h"

namespace software {

class GlobalRaces {  // of one launch; thread-safe
 public:
  static constexpr uint64_t most_bytes = uint64_t{1} << 30;  // for what is remembered; memory beyond is not looked at

  struct Block {          // one thread's only
    uint32_t number = 0;  // from 1
    uint32_t acquired = 0;
    bool acquiring = false;  // an access that acquires is under way
  };

  void release(const Block& block);
  // The block's next access is about to begin: what it acquired by its last one is what had been released by then.
  void next_access(Block& block) const {
    if (block.acquiring) block.acquired = events_.load(std::memory_order_acquire), block.acquiring = false;
  }
  // Up to 4 bytes that lie in one word.
  std::optional<RaceFound> touch(const Block& block, const SharedRaces& own, const RaceStep& step, uint64_t address,
                                 uint32_t bytes, const uint8_t* value);
  // The memory is somebody else's from now on (the device's malloc).
  void forget(uint64_t address, uint64_t size);
  bool complete() const { return !full_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint64_t page_bytes = 4096, shards = 64, most_releases = 16 << 20;
  using Page = std::array<RaceWord, page_bytes / 4>;
  struct Shard {
    std::mutex lock;
    std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  };

  RaceWord* word(Shard& shard, uint64_t address);
  bool passed_on(const RaceStamp& before, const Block& block);

  std::array<Shard, shards> shards_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> full_{false};
  std::atomic<uint32_t> events_{1};
  std::mutex lock_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> released_;  // by block: when, in order
  uint64_t releases_ = 0;
};

}  // namespace software
