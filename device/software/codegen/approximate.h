// ex2, lg2, sin, cos and tanh .approx.f32 for all lanes at once.
#pragma once
#include "device/software/codegen/emitter.h"

namespace software {

// The opcode's approximation of a float or a vector of them; nullptr: there is none.
llvm::Value* approximated(Emitter& emitter, ptx::Opcode opcode, llvm::Value* value);

}  // namespace software
