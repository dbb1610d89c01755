// Loads and stores of a warp all of whose lanes run, at addresses that are known to count up (pass/shape.h).
#pragma once
#include <optional>
#include <vector>

#include "device/software/codegen/emitter.h"

namespace software {

// The elements of a vector load, each as all lanes; nothing: not such an access.
std::optional<std::vector<llvm::Value*>> load_together(Emitter& emitter, const ptx::Instruction& instruction);
// False: not such an access.
bool store_together(Emitter& emitter, const ptx::Instruction& instruction, const std::vector<llvm::Value*>& values);

// One vector of a power of two of equal ones, first to last.
llvm::Value* concatenated(Emitter& emitter, std::vector<llvm::Value*> parts);
// Every `step`th element of a vector, `count` of them.
llvm::Value* part(Emitter& emitter, llvm::Value* whole, unsigned first, unsigned count, unsigned step = 1);
// Element i of the first value, element i of the second ..., element i + 1 of the first ...
llvm::Value* interleaved(Emitter& emitter, const std::vector<llvm::Value*>& values);

}  // namespace software
