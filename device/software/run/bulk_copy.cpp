// Bulk copies (PTX ISA, "cp.async.bulk", "cp.reduce.async.bulk"). They are done when they are asked for, which is one
// of the orders that asynchronous copies may take; what waits for them finds them complete.
#include "device/software/run/bulk_copy.h"

#include <cstring>

#include "device/software/run/reduction.h"

using software::Warp;

extern "C" {

void outboard_bulk_copy(Warp* warp, uint64_t to, uint64_t from, uint32_t bytes, uint64_t barrier, uint32_t blocks,
                        uint32_t chunks) {
  constexpr uint32_t whole = 0xffff;
  software::each_block(*warp, to, barrier, blocks, [&](uint64_t place, uint64_t counter) {
    auto *target = reinterpret_cast<uint8_t*>(place), *source = reinterpret_cast<uint8_t*>(from);
    if (chunks == whole)
      std::memmove(target, source, bytes);
    else
      for (uint32_t i = 0; i < bytes; ++i)
        if (chunks >> (i % 16) & 1) target[i] = source[i];
    if (counter) outboard_mbarrier_complete(warp, counter, bytes);
  });
}

void outboard_bulk_reduce(Warp* warp, uint64_t to, uint64_t from, uint32_t bytes, uint64_t barrier, uint32_t how) {
  if (bytes % software::bytes_of(software::element_of(how)))
    outboard_trap(warp, 0, "a bulk reduction of a part of an element");
  software::reduce(how, reinterpret_cast<uint8_t*>(to), reinterpret_cast<const uint8_t*>(from), bytes);
  if (barrier) outboard_mbarrier_complete(warp, barrier, bytes);
}

}  // extern "C"
