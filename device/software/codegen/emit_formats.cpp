// Floats to and from any format of at most 16 bits, by integer arithmetic on their bits; see narrow.h.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/narrow.h"

namespace software {

using llvm::Value;
using ptx::Rounding;

namespace {

struct Rounder {
  Emitter& emitter;
  NarrowFormat format;
  const NarrowRounding& rounding;
  llvm::IRBuilder<>& ir = emitter.ir;

  Value* number(Value* like, uint64_t value) { return llvm::ConstantInt::get(like->getType(), value); }
  Value* smaller(Value* a, Value* b) { return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, a, b); }
  Value* larger(Value* a, Value* b) { return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umax, a, b); }

  // What is added to a significand before its `lost` lowest bits are cut off.
  Value* increment(Value* significand, Value* lost, Value* negative) {
    Value* one = number(lost, 1);
    Value* all = ir.CreateSub(ir.CreateShl(one, lost), one);
    Value* none = number(lost, 0);
    switch (rounding.mode) {
      case Rounding::rz: return none;
      case Rounding::rm: return ir.CreateSelect(negative, all, none);
      case Rounding::rp: return ir.CreateSelect(negative, none, all);
      case Rounding::rna: return ir.CreateLShr(ir.CreateAdd(all, one), one);
      case Rounding::rs: return ir.CreateShl(rounding.random, ir.CreateSub(lost, number(lost, rounding.random_bits)));
      default: {  // half of the last place that is kept, less one where that is even
        Value* odd = ir.CreateAnd(ir.CreateLShr(significand, lost), one);
        return ir.CreateAdd(ir.CreateLShr(all, one), odd);
      }
    }
  }

  // Where a number too large goes (IEEE 754, 7.4).
  Value* overflow(Value* like, Value* negative, Value* infinite) {
    uint64_t infinity = format.largest() + 1;
    Value *finite = number(like, format.largest()), *beyond = number(like, infinity);
    if (rounding.finite || !format.infinities) return finite;
    switch (rounding.mode) {
      case Rounding::rz: return ir.CreateSelect(infinite, beyond, finite);
      case Rounding::rm: return ir.CreateSelect(ir.CreateOr(infinite, negative), beyond, finite);
      case Rounding::rp: return ir.CreateSelect(ir.CreateOr(infinite, ir.CreateNot(negative)), beyond, finite);
      default: return beyond;
    }
  }

  Value* run(Value* value) {
    auto* integers = value->getType()->getWithNewType(ir.getInt32Ty());
    Value* bits = ir.CreateBitCast(value, integers);
    Value* magnitude = ir.CreateAnd(bits, number(bits, 0x7fffffff));
    Value* negative = ir.CreateICmpSLT(bits, number(bits, 0));
    Value* exponent = larger(ir.CreateLShr(magnitude, number(bits, 23)), number(bits, 1));
    Value* hidden =
        ir.CreateSelect(ir.CreateICmpULT(magnitude, number(bits, 0x800000)), number(bits, 0), number(bits, 0x800000));
    Value* significand = ir.CreateOr(ir.CreateAnd(magnitude, number(bits, 0x7fffff)), hidden);
    // Exponents below the format's first one cost bits of the significand; 31 are more than there are.
    uint64_t first = 128 - format.bias();
    Value* below = ir.CreateSub(larger(exponent, number(bits, first)), exponent);
    Value* lost = smaller(ir.CreateAdd(below, number(bits, 23 - format.fraction_bits)), number(bits, 31));
    Value* kept = ir.CreateLShr(ir.CreateAdd(significand, increment(significand, lost, negative)), lost);
    Value* base = ir.CreateSub(larger(exponent, number(bits, first)), number(bits, first));
    Value* code = ir.CreateAdd(kept, ir.CreateShl(base, number(bits, format.fraction_bits)));
    Value* infinite = ir.CreateICmpEQ(magnitude, number(bits, 0x7f800000));
    Value* large = ir.CreateICmpUGT(code, number(bits, format.largest()));
    code = ir.CreateSelect(large, overflow(bits, negative, infinite), code);
    code = ir.CreateOr(code,
                       ir.CreateSelect(negative, number(bits, uint64_t{1} << (format.width() - 1)), number(bits, 0)));
    uint64_t nan = format.nans ? (uint64_t{1} << (format.width() - 1)) - 1 : format.largest();
    return ir.CreateSelect(ir.CreateICmpUGT(magnitude, number(bits, 0x7f800000)), number(bits, nan), code);
  }
};

}  // namespace

uint64_t NarrowFormat::largest() const {
  uint64_t all = (uint64_t{1} << (width() - 1)) - 1;
  return infinities ? all - (uint64_t{1} << fraction_bits) : nans ? all - 1 : all;
}

Value* rounded_bits(Emitter& emitter, Value* value, NarrowFormat format, const NarrowRounding& rounding) {
  return Rounder{emitter, format, rounding}.run(value);
}

Value* from_bits(Emitter& emitter, Value* bits, NarrowFormat format) {
  auto& ir = emitter.ir;
  auto number = [&](uint64_t value) { return emitter.like(bits, value); };
  uint64_t ones = (uint64_t{1} << (format.width() - 1)) - 1;
  Value* magnitude = ir.CreateAnd(bits, number(ones));
  Value* sign = ir.CreateAnd(ir.CreateShl(bits, number(32 - format.width())), number(0x80000000));
  // The bits as those of a float, whose exponents count from another bias: exact, subnormal numbers included.
  auto* floats = bits->getType()->getWithNewType(ir.getFloatTy());
  Value* scaled = ir.CreateBitCast(ir.CreateShl(magnitude, number(23 - format.fraction_bits)), floats);
  Value* power = ir.CreateBitCast(number(uint64_t{254 - format.bias()} << 23), floats);
  Value* value = ir.CreateBitCast(ir.CreateFMul(scaled, power), bits->getType());
  if (format.infinities)
    value = ir.CreateSelect(ir.CreateICmpUGT(magnitude, number(format.largest())), number(0x7f800000), value);
  value = ir.CreateOr(value, sign);
  uint64_t first_nan = format.largest() + (format.infinities ? 2 : 1);
  if (format.nans) value = ir.CreateSelect(ir.CreateICmpUGE(magnitude, number(first_nan)), number(0x7fffffff), value);
  return ir.CreateBitCast(value, floats);
}

}  // namespace software
