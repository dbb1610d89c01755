// Kernels in stages: one fiber runs all warps of a block, or parts of warps, from barrier to barrier.
#include "base/log.h"
#include "device/software/run/block.h"

namespace software {

// All warps of a block, as far as they are the same in all blocks.
bool Worker::gather_warps(Fiber& fiber) {
  const Launch& launch = job_->launch;
  uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
  size_t parts = (threads + launch.lanes - 1) / launch.lanes;
  size_t local_bytes = size_t{launch.local_bytes} * launch.lanes;
  size_t kept_bytes = (size_t{launch.kept_bytes} + kept_alignment - 1) / kept_alignment * kept_alignment;
  if (launch.staging == Staging::one) local_bytes = 0;  // one after another, in the memory that begin() got
  uint8_t* local = local_bytes ? fiber.local.get(local_bytes * parts) : fiber.warp.local;
  uint8_t* kept = fiber.kept.get(kept_bytes * parts);
  if (!local || (kept_bytes && !kept)) {
    job_->fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    return false;
  }
  fiber.warps.resize(parts);
  for (size_t i = 0; i < parts; ++i) {
    next_warp(fiber);
    fiber.warps[i] = fiber.warp;
    fiber.warps[i].local = local + i * local_bytes;
    fiber.warps[i].kept = kept + i * kept_bytes;
    fiber.warps[i].more = i + 1 < parts;
  }
  fiber.warps[0].running = fiber.warps.data();
  return true;
}

void Worker::run_stages(Fiber& fiber) {
  if (!gather_warps(fiber)) return;
  Block& block = *fiber.block;
  do {
    block.next_warp = job_->launch.warps;
    for (Warp& warp : fiber.warps) {
      for (int i = 0; i < 3; ++i) warp.block_index[i] = block.at[i];
      warp.stage = 0;
    }
    if (job_->launch.staging == Staging::one)
      job_->entry(fiber.warps.data());
    else
      while (run_stage(fiber)) ++block.progress;
    block.exited = job_->launch.warps;
    ++block.progress;
  } while (next_block(fiber));
}

namespace {

KeptHead& head_of(Warp& warp) { return *reinterpret_cast<KeptHead*>(warp.kept); }

// PTX ISA, "bar": what the reduction gives is of all threads that came to the barrier.
void reduce(std::vector<Warp>& warps) {
  uint32_t held = 0, missed = 0;
  for (Warp& warp : warps) {
    if (warp.stage == no_stage) continue;
    held += head_of(warp).held;
    missed += head_of(warp).missed;
  }
  for (Warp& warp : warps)
    if (warp.stage != no_stage) head_of(warp).held = held, head_of(warp).missed = missed;
}

}  // namespace

// Every warp goes on to its next barrier, or beyond; false: all have come to the kernel's end. Those that have count as
// having come to every barrier (PTX ISA, "bar").
bool Worker::run_stage(Fiber& fiber) {
  job_->entry(fiber.warps.data());
  uint32_t barriers = 0;
  bool reducing = false;
  for (const Warp& warp : fiber.warps) {
    if (warp.stage == no_stage) continue;
    barriers |= uint32_t{1} << barrier_of(warp.stage);
    reducing = reducing || reduces(warp.stage);
  }
  const bool several = (barriers & (barriers - 1)) != 0;
  if (several) report_deadlock(*fiber.block);
  if (job_->failed()) abandon();
  if (reducing) reduce(fiber.warps);
  return barriers != 0;
}

}  // namespace software
