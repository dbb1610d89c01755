// Which registers hold one value for the whole warp, which count up from lane to lane, and which blocks all living
// lanes enter together.
#pragma once
#include <cstdint>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/pass/shape.h"
#include "device/software/ptx/ast.h"

namespace software {

struct Uniformity {
  std::vector<Shape> shapes;    // by register: uniform, linear or varying
  std::vector<bool> divergent;  // by block: lanes may be elsewhere while it runs
  std::vector<bool> blended;    // by register: a write must leave the other lanes' values alone

  bool varying(uint32_t reg) const { return shapes[reg].kind == Shape::varying || shapes[reg].kind == Shape::linear; }
  // The branch at the end of the block is decided lane by lane.
  bool splits(const ptx::Instruction& branch) const {
    return branch.guard.reg >= 0 && varying(static_cast<uint32_t>(branch.guard.reg));
  }
};

// The block does nothing but end the function.
bool only_returns(const ptx::Function& function, const Block& block);

// `spins`: the branches, by block, behind which lanes need not meet again before the function's end (pass/spinning.h).
Uniformity uniformity(const ptx::Function& function, const ControlFlow& flow, Grouping grouping = {},
                      std::vector<bool> spins = {});

}  // namespace software
