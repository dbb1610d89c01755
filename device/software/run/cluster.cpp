// A cluster's threads are counted in warps: a warp that waits cannot send further lanes before it goes on, so it
// counts as a whole then.
#include "device/software/run/cluster.h"

#include <algorithm>
#include <bit>

#include "device/software/run/block.h"

namespace software {
namespace {

constexpr size_t page = 4096;

}  // namespace

void Cluster::begin(const Launch& launch) {
  blocks.clear();
  arrived = 0;
  shared = memory.get(launch.cluster_blocks, launch.total_shared, launch.shared_pitch);
}

void Cluster::add(Block& block) {
  block.rank = static_cast<uint32_t>(blocks.size());
  block.shared = shared ? shared + block.rank * block.job->launch.shared_pitch : nullptr;
  blocks.push_back(&block);
}

bool Cluster::done() const {
  return std::ranges::all_of(blocks, [](const Block* block) { return block->done(); });
}

bool Cluster::may_go_on() const {
  return std::ranges::any_of(blocks, [](const Block* block) { return block->may_go_on(); });
}

void Cluster::arrive(Meeting& meeting, uint32_t lanes, uint32_t all, bool whole) {
  meeting.lanes |= lanes;
  if (meeting.lanes == 0 || (!whole && meeting.lanes != all)) return;
  meeting.lanes = 0;
  meeting.phase = phase;
  ++arrived;
  release();
}

void Cluster::leave(const Meeting& meeting) {
  if (meeting.phase == phase) --arrived;
  release();
}

void Cluster::release() {
  if (arrived == 0) return;
  uint32_t counted = arrived, expected = 0;
  for (const Block* block : blocks) {
    counted += block->exited;
    expected += block->job->launch.warps;
  }
  if (counted < expected) return;
  arrived = 0;
  ++phase;
  for (Block* block : blocks) {
    if (block->watcher) block->watcher->complete(barrier, true);
    for (Fiber* fiber : block->fibers)
      if (fiber->state == Fiber::waiting && fiber->barrier == barrier) fiber->state = Fiber::ready;
  }
}

Cluster* Worker::get_cluster() {
  auto unused = std::ranges::find_if(clusters_, [](auto& cluster) { return cluster->blocks.empty(); });
  if (unused == clusters_.end()) unused = clusters_.insert(unused, std::make_unique<Cluster>());
  (*unused)->begin(job_->launch);
  return unused->get();
}

bool Worker::cancel(uint32_t* at) {
  uint64_t index, other;
  if (job_->cooperative || !take(index)) return false;
  for (uint32_t rank = 1; rank < job_->launch.cluster_blocks; ++rank) take(other);
  uint32_t place[3];
  place_in_grid(job_->launch, index, place);
  std::copy(place, place + 3, at);
  return true;
}

uint64_t pitch_of(uint64_t shared_bytes) { return std::bit_ceil(shared_bytes + 2 * page); }

void place_in_grid(const Launch& launch, uint64_t index, uint32_t (&at)[3]) {
  if (launch.cluster_blocks <= 1) {
    at[0] = static_cast<uint32_t>(index % launch.grid[0]);
    at[1] = static_cast<uint32_t>(index / launch.grid[0] % launch.grid[1]);
    at[2] = static_cast<uint32_t>(index / launch.grid[0] / launch.grid[1]);
    return;
  }
  uint64_t cluster = index / launch.cluster_blocks, rank = index % launch.cluster_blocks;
  for (int axis = 0; axis < 3; ++axis) {
    uint64_t clusters = launch.grid[axis] / launch.cluster[axis];
    at[axis] = static_cast<uint32_t>(cluster % clusters * launch.cluster[axis] + rank % launch.cluster[axis]);
    cluster /= clusters;
    rank /= launch.cluster[axis];
  }
}

}  // namespace software

using software::Block;
using software::Cluster;
using software::Fiber;
using software::Warp;

extern "C" {

void outboard_cluster_arrive(Warp* warp, uint32_t lanes) {
  Block& block = *static_cast<Block*>(warp->block);
  Fiber& fiber = block.worker->current();
  block.met = true;
  ++block.progress;
  if (block.watcher) block.watcher->arrive(Cluster::barrier, warp->warp_index);
  block.its_cluster().arrive(fiber.meeting, lanes, warp->lanes, false);
}

void outboard_cluster_wait(Warp* warp) {
  Block& block = *static_cast<Block*>(warp->block);
  Fiber& fiber = block.worker->current();
  Cluster& cluster = block.its_cluster();
  cluster.arrive(fiber.meeting, 0, warp->lanes, true);
  if (fiber.meeting.phase == cluster.phase) {
    fiber.barrier = Cluster::barrier;
    fiber.state = Fiber::waiting;
    block.worker->hand_over();
  }
  if (block.watcher) block.watcher->leave(Cluster::barrier, warp->warp_index);
}

// The response: the first of the cancelled blocks, and whether there is one (codegen/emit_cluster.cpp reads it).
void outboard_try_cancel(Warp* warp, uint64_t response, uint64_t barrier, uint32_t all) {
  Block& block = *static_cast<Block*>(warp->block);
  uint32_t answer[4] = {};
  answer[3] = block.worker->cancel(answer);
  uint32_t blocks = all ? (1u << warp->launch->cluster_blocks) - 1 : 0;
  outboard_bulk_copy(warp, response, reinterpret_cast<uint64_t>(answer), sizeof answer, barrier, blocks, 0xffff);
}

}  // extern "C"
