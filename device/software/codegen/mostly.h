// Values that are computed in a short way for nearly all operands, and in a longer one for the rest.
#pragma once
#include <functional>

#include "device/software/codegen/emitter.h"

namespace software {

// What `plain` gives; where `rare` (i1) holds, what `longer` gives.
llvm::Value* mostly(Emitter& emitter, llvm::Value* rare, const std::function<llvm::Value*()>& plain,
                    const std::function<llvm::Value*()>& longer);

}  // namespace software
