// The blocks of one cluster: their shared memory lies side by side, they run on one thread, and they meet at one
// barrier (PTX ISA, "Cooperative Thread Array Clusters" and "barrier.cluster").
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "device/software/run/arena.h"
#include "device/software/run/warp.h"

namespace software {

struct Block;

// What one warp did at the cluster's barrier. Phases count from 1; 0: it never arrived.
struct Meeting {
  uint32_t lanes = 0;  // that arrived, while others of the warp have not
  uint64_t phase = 0;  // of the last arrival of the whole warp
};

struct Cluster {
  std::vector<Block*> blocks;  // by rank; empty: not in use
  ClusterArena memory;
  uint8_t* shared = nullptr;
  uint32_t arrived = 0;  // warps, in this phase
  uint64_t phase = 1;

  void begin(const Launch& launch);
  void add(Block& block);  // gives it its rank and its shared memory
  bool done() const;
  bool may_go_on() const;  // some warp of some block does not wait
  // Counts the warp once all its lanes have arrived, or `whole`.
  void arrive(Meeting& meeting, uint32_t lanes, uint32_t all, bool whole);
  void leave(const Meeting& meeting);  // the warp has ended and was counted as such by its block
  void release();                      // lets all pass if all have arrived

  static constexpr uint32_t barrier = 16;  // its number beside the 16 of a block
};

// The distance between shared memories of that size: a power of two, with room for a page that faults.
uint64_t pitch_of(uint64_t shared_bytes);
// Where a block lies in the grid: `index` counts cluster by cluster, or, without clusters, along x, y and z.
void place_in_grid(const Launch& launch, uint64_t index, uint32_t (&at)[3]);

}  // namespace software
