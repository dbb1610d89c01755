// Kernels that run in stages, from one barrier to the next: all warps of the block come to each barrier together, so
// that a warp's code can end there and be entered again behind it, and no warp needs a stack of its own. A kernel
// without barriers has one stage.
#pragma once
#include <optional>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/pass/spinning.h"
#include "device/software/pass/uniformity.h"
#include "device/software/ptx/ast.h"

namespace software {

struct Stages {
  bool any = false;                            // the kernel runs in stages
  std::vector<std::vector<uint32_t>> kept;     // by instruction, where it is a barrier: registers wanted behind it
  std::vector<std::vector<uint32_t>> changed;  // likewise: those that may not be kept as they are now
  std::vector<bool> barriers;                  // by instruction
  // pass/keeping.h: what is restored just behind a barrier (by instruction), or where a block begins (by block); what
  // is kept there for the barrier ahead, or where a block ends.
  std::vector<std::vector<uint32_t>> restored, restored_at, kept_at, kept_behind;
  std::vector<bool> once;  // by register: kept where it is written, which is at one place, not at barriers
  std::vector<bool> late;  // by register: of those, restored where it is wanted, whatever leads there
  // By instruction, where it is a barrier and a branch over everything up to another barrier follows. Whoever takes
  // that branch has nothing to do between the two.
  struct Skip {
    uint32_t branch, barrier;  // instructions
    bool taken;                // the branch leads there; else it is what follows it
  };
  std::vector<std::optional<Skip>> skips;
  std::vector<bool> skipped_to;  // by instruction
};

// Of bar and barrier: they combine a predicate of all threads.
bool is_reduction(const ptx::Instruction& barrier);
// Of a barrier in a kernel with stages: which of the 16 it is.
uint32_t barrier_number(const ptx::Instruction& barrier);

Stages find_stages(const ptx::Module& module, const ptx::Function& function, const ControlFlow& flow,
                   const Uniformity& uniformity, const Spins& spins);

}  // namespace software
