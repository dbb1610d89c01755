// What mbarrier instructions do to the object (PTX ISA, "Phase of the mbarrier object", "Tracking asynchronous
// operations by the mbarrier object").
#include "device/software/run/mbarrier.h"

#include <bit>

#include "device/software/run/block.h"

using software::Block;
using software::Mbarrier;
using software::Warp;

namespace {

Mbarrier& object(uint64_t address) { return *reinterpret_cast<Mbarrier*>(address); }

// A phase is complete when nobody is pending and no bytes are to come; the next one begins at once.
void complete_if_due(Warp* warp, Mbarrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  barrier.pending = barrier.expected;
  barrier.parity = barrier.parity ^ 1;
  ++static_cast<Block*>(warp->block)->progress;
}

}  // namespace

extern "C" {

void outboard_mbarrier_init(Warp* warp, uint64_t barrier, uint32_t count) {
  if (count == 0 || count > Mbarrier::most) outboard_trap(warp, 0, "mbarrier.init with a count out of range");
  object(barrier) = Mbarrier{count, count, 0, 0, 0};
}

// The state that is returned is that of before the arrival.
uint64_t outboard_mbarrier_arrive(Warp* warp, uint64_t address, uint32_t count, uint32_t flags) {
  Mbarrier& barrier = object(address);
  auto before = std::bit_cast<uint64_t>(barrier);
  if (count > barrier.pending) outboard_trap(warp, 0, "more arrivals at an mbarrier than it expects");
  if (flags & outboard_drop) barrier.expected = barrier.expected - count;
  barrier.pending = barrier.pending - count;
  if (!(flags & outboard_no_complete)) complete_if_due(warp, barrier);
  return before;
}

void outboard_mbarrier_expect(Warp* warp, uint64_t address, uint32_t bytes) {
  Mbarrier& barrier = object(address);
  barrier.bytes = barrier.bytes + static_cast<int32_t>(bytes);
  complete_if_due(warp, barrier);
}

void outboard_mbarrier_complete(Warp* warp, uint64_t address, uint32_t bytes) {
  Mbarrier& barrier = object(address);
  barrier.bytes = barrier.bytes - static_cast<int32_t>(bytes);
  complete_if_due(warp, barrier);
}

uint32_t outboard_mbarrier_parity(uint64_t address) { return object(address).parity; }

}  // extern "C"
