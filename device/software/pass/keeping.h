// Where registers that are wanted behind a barrier are kept before it and restored behind it: not before they are
// wanted and not later than they are made, as far as the way from or to the barrier is one without a choice. Between
// the two they take no register of the processor.
#pragma once
#include <cstdint>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/pass/stages.h"
#include "device/software/pass/uniformity.h"
#include "device/software/ptx/ast.h"

namespace software {

// Fills in Stages::restored, restored_at, kept_at and kept_behind, from `kept` and `changed`; takes out of `changed`
// what is kept elsewhere. `written`: by block, a bit for each register that has perhaps been written since the last
// barrier where the block ends.
void place_keeping(const ptx::Function& function, const ControlFlow& flow, const Uniformity& uniformity,
                   const std::vector<std::vector<uint64_t>>& written, Stages& stages);

}  // namespace software
