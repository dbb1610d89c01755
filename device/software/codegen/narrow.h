// Numbers of 16 bits by way of wider ones, rounded once: what the processor's own instructions do not do, or do
// differently (AVX512-BF16 drops subnormal numbers), and LLVM's calls for (__truncsfbf2) no library here has.
#pragma once
#include "device/software/codegen/emitter.h"

namespace software {

llvm::Value* from_bfloat(Emitter& emitter, llvm::Value* value);  // to float, exactly
// Of floats, to nearest even or towards zero; NaN becomes PTX's canonical one.
llvm::Value* to_bfloat(Emitter& emitter, llvm::Value* value, ptx::Rounding rounding);
// The same as integers: where LLVM takes vectors of its bfloat apart it calls a function that no library here has.
llvm::Value* bfloat_bits(Emitter& emitter, llvm::Value* value, ptx::Rounding rounding);
// A float that rounds to any 16-bit format as the double itself would ("round to odd": what was cut off is kept as a
// set last bit, so that a second rounding sees it).
llvm::Value* odd_float(Emitter& emitter, llvm::Value* value);
// a * b + c of numbers of 16 bits, extended to double: as a float that rounds to 16 bits as the exact sum would.
llvm::Value* odd_fused(Emitter& emitter, llvm::Value* a, llvm::Value* b, llvm::Value* c);
// The same of an integer of up to 64 bits.
llvm::Value* odd_from_integer(Emitter& emitter, llvm::Value* value, bool is_signed);
llvm::Value* relu(Emitter& emitter, llvm::Value* value);  // what is below zero becomes +0; NaN stays NaN
// Subnormal numbers become zeros of their sign where the instruction says .ftz: of single and half precision.
llvm::Value* flushed(Emitter& emitter, const ptx::Modifiers& modifiers, llvm::Value* value);

}  // namespace software
