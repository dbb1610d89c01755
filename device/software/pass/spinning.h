// Loops that wait for what another thread writes: locks, flags, mbarriers. The other thread may be a lane of the same
// warp, and lanes make progress independently of each other (CUDA C++ Programming Guide, "Independent Thread
// Scheduling"). So a warp must be able to leave such a loop with lanes still in it and come back to them later.
#pragma once
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/pass/layout.h"
#include "device/software/ptx/ast.h"

namespace software {

struct Spins {
  std::vector<bool> loops;  // by Layout::regions
  std::vector<bool> exits;  // by block: the branch at its end says whether lanes stay in such a loop
  bool any = false;
  bool watches = false;  // a loop may wait for other warps, though no lane waits for another one of its warp
};

Spins find_spins(const ptx::Function& function, const ControlFlow& flow, const Layout& layout);

}  // namespace software
