// Rounding to 16 bits; see narrow.h.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/narrow.h"

namespace software {
namespace {

using llvm::Value;

Value* number(Value* like, uint64_t value) { return llvm::ConstantInt::get(like->getType(), value); }

// `bits` are those of a number whose magnitude is larger than the exact one's where `above`; with something cut off
// where `inexact`: the number towards zero, its last bit set.
Value* made_odd(Emitter& emitter, Value* bits, Value* above, Value* inexact) {
  auto& ir = emitter.ir;
  Value* below = ir.CreateSelect(above, ir.CreateSub(bits, number(bits, 1)), bits);
  return ir.CreateSelect(inexact, ir.CreateOr(below, number(bits, 1)), bits);
}

}  // namespace

Value* from_bfloat(Emitter& emitter, Value* value) {
  auto& ir = emitter.ir;
  Value* bits = ir.CreateBitCast(value, value->getType()->getWithNewType(ir.getInt16Ty()));
  Value* wide = ir.CreateZExt(bits, bits->getType()->getWithNewType(ir.getInt32Ty()));
  return ir.CreateBitCast(ir.CreateShl(wide, number(wide, 16)), value->getType()->getWithNewType(ir.getFloatTy()));
}

Value* bfloat_bits(Emitter& emitter, Value* value, ptx::Rounding rounding) {
  auto& ir = emitter.ir;
  Value* bits = ir.CreateBitCast(value, value->getType()->getWithNewType(ir.getInt32Ty()));
  Value* kept = ir.CreateLShr(bits, number(bits, 16));
  if (rounding != ptx::Rounding::rz) {  // just below half, and a half where the last place kept is odd
    Value* half = ir.CreateAdd(ir.CreateAnd(kept, number(bits, 1)), number(bits, 0x7fff));
    kept = ir.CreateLShr(ir.CreateAdd(bits, half), number(bits, 16));
  }
  kept = ir.CreateSelect(ir.CreateFCmpUNO(value, value), number(bits, 0x7fff), kept);
  return ir.CreateTrunc(kept, bits->getType()->getWithNewType(ir.getInt16Ty()));
}

Value* to_bfloat(Emitter& emitter, Value* value, ptx::Rounding rounding) {
  Value* bits = bfloat_bits(emitter, value, rounding);
  return emitter.ir.CreateBitCast(bits, value->getType()->getWithNewType(emitter.ir.getBFloatTy()));
}

Value* odd_float(Emitter& emitter, Value* value) {
  auto& ir = emitter.ir;
  Value* near = ir.CreateFPTrunc(value, value->getType()->getWithNewType(ir.getFloatTy()));
  Value* back = ir.CreateFPExt(near, value->getType());
  auto magnitude = [&](Value* of) { return ir.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, of); };
  Value* bits = ir.CreateBitCast(near, near->getType()->getWithNewType(ir.getInt32Ty()));
  bits = made_odd(emitter, bits, ir.CreateFCmpOGT(magnitude(back), magnitude(value)), ir.CreateFCmpONE(back, value));
  return ir.CreateBitCast(bits, near->getType());
}

Value* odd_fused(Emitter& emitter, Value* a, Value* b, Value* c) {
  auto& ir = emitter.ir;
  Value *product = ir.CreateFMul(a, b), *sum = ir.CreateFAdd(product, c);  // the product is exact
  // What the sum lost (Knuth's TwoSum).
  Value* part = ir.CreateFSub(sum, product);
  Value* rest = ir.CreateFAdd(ir.CreateFSub(product, ir.CreateFSub(sum, part)), ir.CreateFSub(c, part));
  Value* zero = llvm::Constant::getNullValue(sum->getType());
  Value* apart = ir.CreateXor(ir.CreateFCmpOLT(sum, zero), ir.CreateFCmpOLT(rest, zero));
  Value* bits = ir.CreateBitCast(sum, sum->getType()->getWithNewType(ir.getInt64Ty()));
  bits = made_odd(emitter, bits, apart, ir.CreateFCmpONE(rest, zero));
  return odd_float(emitter, ir.CreateBitCast(bits, sum->getType()));
}

Value* odd_from_integer(Emitter& emitter, Value* value, bool is_signed) {
  auto& ir = emitter.ir;
  if (value->getType()->getScalarSizeInBits() == 64) {  // to the 53 bits of a double, where it has more
    Value* sign = is_signed ? ir.CreateAShr(value, number(value, 63)) : number(value, 0);
    Value* small = ir.CreateICmpULT(ir.CreateXor(value, sign), number(value, uint64_t{1} << 53));
    Value* low = ir.CreateAnd(value, number(value, 0x7ff));
    Value* odd = ir.CreateOr(ir.CreateXor(value, low), number(value, 0x800));
    value = ir.CreateSelect(ir.CreateOr(small, ir.CreateICmpEQ(low, number(value, 0))), value, odd);
  }
  auto* type = value->getType()->getWithNewType(ir.getDoubleTy());
  return odd_float(emitter, is_signed ? ir.CreateSIToFP(value, type) : ir.CreateUIToFP(value, type));
}

Value* relu(Emitter& emitter, Value* value) {
  Value* zero = llvm::Constant::getNullValue(value->getType());
  return emitter.ir.CreateSelect(emitter.ir.CreateFCmpOLE(value, zero), zero, value);
}

Value* flushed(Emitter& emitter, const ptx::Modifiers& modifiers, Value* value) {
  auto& ir = emitter.ir;
  auto* element = value->getType()->getScalarType();
  if (!modifiers.ftz || (!element->isFloatTy() && !element->isHalfTy())) return value;
  auto constant = [&](double number) { return llvm::ConstantFP::get(value->getType(), number); };
  Value* small = ir.CreateFCmpOLT(ir.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, value),
                                  constant(element->isHalfTy() ? 0x1p-14 : 0x1p-126));
  return ir.CreateSelect(small, ir.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, constant(0), value), value);
}

}  // namespace software
