// What is asked of addresses without touching memory.
#pragma once
#include "device/software/codegen/emitter.h"

namespace software {

bool emit_space(Emitter& emitter, const ptx::Instruction& instruction);  // isspacep, createpolicy

}  // namespace software
