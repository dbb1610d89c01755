// Where the warps of a warpgroup meet (PTX ISA, "wgmma.wait_group"). A product of four warps is complete when all four
// have computed their rows of it; until then its matrices in shared memory must stay.
#include <algorithm>

#include "device/software/run/block.h"

using software::Block;
using software::Fiber;
using software::Warp;

namespace {

constexpr uint32_t group_warps = 4;

bool others_are_behind(const Block& block, const Warp& warp) {
  uint32_t group = warp.warp_index / group_warps;
  uint32_t end = std::min((group + 1) * group_warps, warp.launch->warps);
  if (block.next_warp < end) return true;  // one has not begun
  for (const Fiber* fiber : block.fibers) {
    bool in_group = fiber->state != Fiber::idle && fiber->warp.warp_index / group_warps == group;
    if (in_group && static_cast<int32_t>(warp.products - fiber->warp.products) > 0) return true;
  }
  return false;
}

}  // namespace

extern "C" void outboard_warpgroup_wait(Warp* warp) {
  Block& block = *static_cast<Block*>(warp->block);
  block.met = true;
  while (others_are_behind(block, *warp)) block.worker->yield();
}
