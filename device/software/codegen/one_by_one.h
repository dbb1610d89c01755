// Loads and stores that go lane by lane, because the processor has no instruction for them, move out of line.
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace software {

// LLVM writes such an access as 32 branches on the spot, which makes a kernel's code a hundred times its PTX and its
// compilation take minutes. One function per element type serves the whole module.
void share_lane_accesses(llvm::Module& module, llvm::TargetMachine& machine);

// Marks the argument that is a function's Warp: the optimiser may take away others in front of it.
inline constexpr const char* warp_attribute = "outboard-warp";

// What the shared functions' names begin with; they keep a frame pointer, so that a fault in one leads to its caller.
inline constexpr const char* lane_access_prefix = "lanes.";

}  // namespace software
