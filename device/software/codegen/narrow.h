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
// A binary format of at most 16 bits: a sign, exponent bits, fraction bits (PTX ISA, "Alternate Floating-Point Data
// Formats"). Formats without infinities have finite numbers there; those without NaN, too.
struct NarrowFormat {
  unsigned exponent_bits, fraction_bits;
  bool infinities, nans;
  unsigned width() const { return 1 + exponent_bits + fraction_bits; }
  unsigned bias() const { return (1u << (exponent_bits - 1)) - 1; }
  uint64_t largest() const;  // finite
};
inline constexpr NarrowFormat half_format{5, 10, true, true}, bfloat_format{8, 7, true, true};
struct NarrowRounding {
  ptx::Rounding mode = ptx::Rounding::rn;  // rn, rna, rz, rm, rp or rs
  bool finite = false;                     // .satfinite: never infinite
  llvm::Value* random = nullptr;           // .rs: i32, `random_bits` of them
  unsigned random_bits = 0;
};
// The bits of floats rounded to such a format, as i32. NaN becomes the canonical one, or the largest number.
llvm::Value* rounded_bits(Emitter& emitter, llvm::Value* value, NarrowFormat format, const NarrowRounding& rounding);
// The float that such bits (an i32, what is above the format ignored) mean.
llvm::Value* from_bits(Emitter& emitter, llvm::Value* bits, NarrowFormat format);
// The same of an integer of up to 64 bits.
llvm::Value* odd_from_integer(Emitter& emitter, llvm::Value* value, bool is_signed);
llvm::Value* relu(Emitter& emitter, llvm::Value* value);  // what is below zero becomes +0; NaN stays NaN
// Subnormal numbers become zeros of their sign where the instruction says .ftz: of single and half precision.
llvm::Value* flushed(Emitter& emitter, const ptx::Modifiers& modifiers, llvm::Value* value);

}  // namespace software
