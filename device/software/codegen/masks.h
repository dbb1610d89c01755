// Lane masks in the form that LLVM 19's x86 back end gets through.
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace software {

// The last thing before machine code. LLVM 19 never ends where a mask computed by or, xor or shl as an integer is
// used as a vector, and its operands are too: one rule moves the operation to the vectors, the next one back (LLVM
// issue 123333, mended in LLVM 20). Here such operations stay integers, out of sight of both rules.
void pin_masks(llvm::Module& module, const llvm::TargetMachine& machine);

}  // namespace software
