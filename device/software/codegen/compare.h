// What a comparison of PTX is to LLVM.
#pragma once
#include <llvm/IR/InstrTypes.h>

#include "device/software/ptx/ast.h"

namespace software {

// BAD_ICMP_PREDICATE: integers have no such comparison.
llvm::CmpInst::Predicate integer_predicate(ptx::Compare compare, bool is_signed);

}  // namespace software
