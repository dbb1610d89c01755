// Results rounded towards zero, down or up: what emit_float.cpp and emit_convert.cpp take from emit_rounding.cpp.
#pragma once
#include "device/software/codegen/emitter.h"

namespace software {

bool is_directed(ptx::Rounding rounding);  // rz, rm or rp
// The exact value is `value` plus something of the sign of `rest`, too small to change `value`; both are doubles.
llvm::Value* round_from(Emitter& emitter, ptx::Rounding rounding, llvm::Value* value, llvm::Value* rest,
                        llvm::Type* type);
// add sub mul div rcp sqrt fma of f32 or f64; b and c are null where the opcode has none.
llvm::Value* directed_arithmetic(Emitter& emitter, const ptx::Instruction& instruction, llvm::Value* a, llvm::Value* b,
                                 llvm::Value* c);
llvm::Value* directed_from_integer(Emitter& emitter, ptx::Rounding rounding, llvm::Value* value, bool is_signed,
                                   llvm::Type* type);

}  // namespace software
