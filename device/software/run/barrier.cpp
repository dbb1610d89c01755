// Barriers and waiting, as generated code calls them (PTX ISA, "bar", "nanosleep").
#include "device/software/run/block.h"

using software::Barrier;
using software::Block;
using software::Fiber;
using software::Warp;

namespace {

enum Kind : uint32_t { popc = 0, all = 1, any = 2 };

constexpr uint32_t polls_per_turn = 16;

Block& block_of(Warp* warp) { return *static_cast<Block*>(warp->block); }

Barrier& arrive(Block& block, uint32_t id, uint32_t count) {
  if (block.watcher) block.watcher->arrive(id % 16, block.worker->current().warp.warp_index);
  Barrier& barrier = block.barriers[id % 16];
  block.met = true;
  ++barrier.arrived;
  barrier.expected = (count + software::warp_size - 1) / software::warp_size;
  ++block.progress;
  return barrier;
}

void wait(Block& block, uint32_t id) {
  Fiber& fiber = block.worker->current();
  fiber.barrier = id % 16;
  fiber.state = Fiber::waiting;
  block.release(id % 16);
  if (fiber.state == Fiber::waiting) block.worker->hand_over();
  if (block.watcher) block.watcher->leave(id % 16, fiber.warp.warp_index);
}

}  // namespace

extern "C" {

void outboard_barrier(Warp* warp, uint32_t id, uint32_t count) {
  Block& block = block_of(warp);
  arrive(block, id, count);
  wait(block, id);
}

void outboard_barrier_arrive(Warp* warp, uint32_t id, uint32_t count) {
  Block& block = block_of(warp);
  arrive(block, id, count);
  block.release(id % 16);
}

uint32_t outboard_barrier_reduce(Warp* warp, uint32_t id, uint32_t count, uint32_t kind, uint32_t lanes,
                                 uint32_t predicate) {
  Block& block = block_of(warp);
  software::Reduced& so_far = arrive(block, id, count).reduced;
  uint32_t held = predicate & lanes;
  so_far.count += static_cast<uint32_t>(__builtin_popcount(held));
  so_far.all = so_far.all && held == lanes;
  so_far.any = so_far.any || held != 0;
  wait(block, id);
  const software::Reduced& reduced = block.worker->current().reduced;
  return kind == popc ? reduced.count : kind == all ? reduced.all : reduced.any;
}

// Generated code asks after every access that might be a poll; most are none, and a switch costs more than they do.
void outboard_yield(Warp* warp) {
  software::Worker& worker = *block_of(warp).worker;
  if (++worker.current().polls % polls_per_turn == 0) worker.yield();
}

void outboard_pause(Warp* warp) { block_of(warp).worker->yield(); }

}  // extern "C"
