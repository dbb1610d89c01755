// The order in which a warp walks the blocks of a function when its lanes may be in several at once.
//
// Every block has a mask of waiting lanes. Blocks are visited in this order; a cycle is a Region, laid out
// without gaps, and is walked again while lanes wait at its header. Every edge leads either forward or to the
// header of an enclosing region, so no lane is ever left behind. Irreducible flow needs no special case.
#pragma once
#include <cstdint>
#include <vector>

#include "device/software/pass/cfg.h"

namespace software {

struct Region {
  uint32_t header;       // block
  uint32_t first, last;  // positions in Layout::order: [first, last)
};

struct Layout {
  std::vector<uint32_t> order;  // blocks that can be reached
  std::vector<Region> regions;  // an inner region stands before the one around it
};

Layout lay_out(const ControlFlow& flow);

}  // namespace software
