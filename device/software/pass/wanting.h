// Where registers that are kept where they are written are restored behind barriers: that can be anywhere, so it is
// where they are wanted, on whatever ways one comes there from barriers, unless that would be done again and again.
#pragma once
#include "device/software/pass/cfg.h"
#include "device/software/pass/stages.h"
#include "device/software/ptx/ast.h"

namespace software {

// Of the registers in Stages::once, fills in where they are restored, and which are `late`: those for which that is
// all.
void restore_where_wanted(const ptx::Function& function, const ControlFlow& flow, Stages& stages);

}  // namespace software
