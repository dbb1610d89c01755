// Runs a kernel's steps: the way a warp takes through the blocks, calls, and when machine code is worth having.
#pragma once
#include "device/software/run/steps.h"

namespace software {

// The entry of every kernel that has no machine code yet; its steps are the launch's. A warp that starts when the
// machine code has come runs that.
void run_steps(Warp* warp);

}  // namespace software
