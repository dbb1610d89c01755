// Where bulk and tensor copies go within a cluster.
#pragma once
#include <cstdint>

#include "device/software/run/warp.h"

namespace software {

// The address of the same variable in the shared memory of the cluster's block `rank`.
inline uint64_t same_place(const Warp& warp, uint64_t address, uint32_t rank) {
  uint64_t pitch = warp.launch->shared_pitch, first = reinterpret_cast<uint64_t>(warp.cluster_shared);
  return first + rank * pitch + ((address - first) & (pitch - 1));
}

// Visits `to` and `barrier`, or what corresponds to them in the blocks whose bit is set (PTX ISA,
// ".multicast::cluster": "at the same CTA-relative offset").
template <class Visit>
void each_block(const Warp& warp, uint64_t to, uint64_t barrier, uint32_t blocks, const Visit& visit) {
  if (!blocks) return visit(to, barrier);
  for (uint32_t rank = 0; rank < warp.launch->cluster_blocks; ++rank)
    if (blocks >> rank & 1) visit(same_place(warp, to, rank), same_place(warp, barrier, rank));
}

}  // namespace software
