// Which registers hold one value for the whole warp, and which blocks all living lanes enter together.
#pragma once
#include <cstdint>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/ptx/ast.h"

namespace software {

struct Uniformity {
  std::vector<bool> varying;    // by register
  std::vector<bool> divergent;  // by block: lanes may be elsewhere while it runs
  std::vector<bool> blended;    // by register: a write must leave the other lanes' values alone
  // The branch at the end of the block is decided lane by lane.
  bool splits(const ptx::Instruction& branch) const {
    return branch.guard.reg >= 0 && varying[static_cast<size_t>(branch.guard.reg)];
  }
};

Uniformity uniformity(const ptx::Function& function, const ControlFlow& flow);

}  // namespace software
