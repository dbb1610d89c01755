// Bulk copies (PTX ISA, "cp.async.bulk", "cp.reduce.async.bulk"). They are done when they are asked for, which is one
// of the orders that asynchronous copies may take; what waits for them finds them complete.
#include "device/software/run/bulk_copy.h"

#include <cstring>

#include "device/software/run/code_map.h"
#include "device/software/run/reduction.h"
#include "device/software/run/watcher.h"

using software::Warp;

namespace {

// The thread that asks for a copy is not told to the checks: they take the first one of its warp.
bool may_copy(Warp& warp, uint64_t to, uint64_t from, uint32_t bytes, uint32_t how, uint64_t place) {
  bool readable = software::may_touch(warp, 0, from, bytes, outboard_reads | outboard_whole_warp, place);
  return software::may_touch(warp, 0, to, bytes, how | outboard_whole_warp, place) && readable;
}

// Who waits at the mbarrier waits for what was copied before.
void note_completion(Warp& warp, uint64_t barrier, uint64_t place) {
  software::may_touch(warp, 0, barrier, 8, outboard_reads | outboard_writes | outboard_strong, place);
}

}  // namespace

extern "C" {

void outboard_bulk_copy(Warp* warp, uint64_t to, uint64_t from, uint32_t bytes, uint64_t barrier, uint32_t blocks,
                        uint32_t chunks) {
  constexpr uint32_t whole = 0xffff;
  const uint64_t at = CALL_SITE;
  software::each_block(*warp, to, barrier, blocks, [&](uint64_t place, uint64_t counter) {
    auto *target = reinterpret_cast<uint8_t*>(place), *source = reinterpret_cast<uint8_t*>(from);
    if (!may_copy(*warp, place, from, bytes, outboard_writes, at)) {
      // The bytes count all the same: somebody waits for them.
    } else if (chunks == whole)
      std::memmove(target, source, bytes);
    else
      for (uint32_t i = 0; i < bytes; ++i)
        if (chunks >> (i % 16) & 1) target[i] = source[i];
    if (!counter) return;
    note_completion(*warp, counter, at);
    outboard_mbarrier_complete(warp, counter, bytes);
  });
}

void outboard_bulk_reduce(Warp* warp, uint64_t to, uint64_t from, uint32_t bytes, uint64_t barrier, uint32_t how) {
  if (bytes % software::bytes_of(software::element_of(how)))
    outboard_trap(warp, 0, "a bulk reduction of a part of an element");
  const uint64_t at = CALL_SITE;
  if (may_copy(*warp, to, from, bytes, outboard_reads | outboard_writes | outboard_strong, at))
    software::reduce(how, reinterpret_cast<uint8_t*>(to), reinterpret_cast<const uint8_t*>(from), bytes);
  if (!barrier) return;
  note_completion(*warp, barrier, at);
  outboard_mbarrier_complete(warp, barrier, bytes);
}

}  // extern "C"
