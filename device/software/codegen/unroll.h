// Loops that are known to go round a few times, as code without a loop: what each round computes of its number becomes
// part of the instructions' addresses.
#pragma once
#include <llvm/Passes/PassBuilder.h>

namespace software {

void add_unrolling(llvm::PassBuilder& builder);

}  // namespace software
