// Loops whose values do not fit into the processor's registers, taken apart: several loops one after another, each of
// which computes some of the results. What they have in common, counters and loads from shared memory, each does again.
#pragma once
#include <optional>

#include "device/software/pass/shape.h"
#include "device/software/pass/width.h"
#include "device/software/ptx/ast.h"

namespace software {

// The kernel with such loops taken apart; nothing: it has none. For code that runs the kernel in stages, so that nobody
// else changes shared memory between two barriers.
std::optional<ptx::Function> split_loops(const ptx::Function& kernel, Grouping grouping, VectorRegisters registers);

}  // namespace software
