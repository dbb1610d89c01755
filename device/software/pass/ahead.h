// What loops load in their next round. Loops with barriers take long for each round, and their loads often lie further
// apart than a processor looks ahead by itself: so the next round's memory is asked for in this one. Other loops with
// rounds that lie far apart wait for a page's translation in each round, and the next warp does so again.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/pass/layout.h"
#include "device/software/pass/uniformity.h"
#include "device/software/ptx/ast.h"

namespace software {

// By how much an address grows from round to round: the factor times what the registers hold, which is the same for all
// lanes and throughout the loop. A guess that only speed depends on: numbers may wrap round.
struct Growth {
  int64_t factor = 0;
  std::vector<uint32_t> registers;
  // Rounds lie far apart, where the next warp's lanes go on behind this one's: that is what is asked for.
  bool beside = false;
};

// By instruction; only of accesses to global memory, and of stores only what the next block touches.
std::vector<std::optional<Growth>> find_growth(const ptx::Function& function, const ControlFlow& flow,
                                               const Layout& layout, const Uniformity& uniformity);

}  // namespace software
