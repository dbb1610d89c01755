// What the files about asynchronous copies have from each other.
#pragma once
#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {

// What the checks are told of an operation on an mbarrier object.
constexpr Emitter::Asked mbarrier_asked(ptx::Space space) {
  return {8, space, outboard_reads | outboard_writes | outboard_strong};
}

// emit_access.cpp: every active lane copies so many bytes, 4 or a multiple of 8.
void copy_pieces(Emitter& emitter, llvm::Value* to, llvm::Value* from, unsigned bytes);

// emit_bulk.cpp
void emit_bulk_copy(Emitter& emitter, const ptx::Instruction& instruction);     // cp{.reduce}.async.bulk
void emit_store_async(Emitter& emitter, const ptx::Instruction& instruction);   // st.async
void emit_reduce_async(Emitter& emitter, const ptx::Instruction& instruction);  // red.async

// emit_tensor.cpp
void emit_tensor_copy(Emitter& emitter, const ptx::Instruction& instruction);  // cp{.reduce}.async.bulk.tensor
void emit_tensormap(Emitter& emitter, const ptx::Instruction& instruction);    // tensormap.replace, .cp_fenceproxy

// The spaces that an instruction names, in order: of its destination, of its source.
std::vector<ptx::Space> spaces_of(const ptx::Modifiers& modifiers);
// The operation and type that it names, as run/reduction.h numbers them; refuses others.
uint32_t reduction_of(Emitter& emitter, const ptx::Instruction& instruction);
// ... the operation alone.
uint32_t operation_of(Emitter& emitter, const ptx::Instruction& instruction);

}  // namespace software
