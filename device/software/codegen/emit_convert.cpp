// cvt: between integers, between floats, and across (PTX ISA, "cvt").
#include <llvm/IR/Intrinsics.h>

#include <cmath>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Rounding;
using ptx::Type;

struct Conversion {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type to = modifiers.type, from = modifiers.source_type;
  llvm::IRBuilder<>& ir = emitter.ir;

  Value* flushed(Value* value) {
    if (!modifiers.ftz || !value->getType()->getScalarType()->isFloatTy()) return value;
    Value* small = ir.CreateFCmpOLT(ir.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, value),
                                    llvm::ConstantFP::get(value->getType(), 0x1p-126));
    Value* zero =
        ir.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, llvm::ConstantFP::get(value->getType(), 0.0), value);
    return ir.CreateSelect(small, zero, value);
  }

  Value* rounded(Value* value) {
    switch (modifiers.rounding) {
      case Rounding::rni: return ir.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, value);
      case Rounding::rzi: return ir.CreateUnaryIntrinsic(llvm::Intrinsic::trunc, value);
      case Rounding::rmi: return ir.CreateUnaryIntrinsic(llvm::Intrinsic::floor, value);
      case Rounding::rpi: return ir.CreateUnaryIntrinsic(llvm::Intrinsic::ceil, value);
      default: return value;
    }
  }

  // Out of range clamps; NaN gives 0, or 0x80...0 where the result has 64 bits.
  Value* to_integer(Value* value) {
    value = rounded(flushed(value));
    auto* type = emitter.shaped(ir.getIntNTy(ptx::bits(to)), value);
    auto id = ptx::is_signed(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    Value* result = ir.CreateIntrinsic(id, {type, value->getType()}, {value});
    if (ptx::bits(to) != 64) return result;
    return ir.CreateSelect(ir.CreateFCmpUNO(value, value), emitter.like(result, uint64_t{1} << 63), result);
  }

  Value* integer_to_float(Value* value) {
    auto* type = emitter.shaped(emitter.float_type(to), value);
    if (directed()) return directed_from_integer(value, type);
    return ptx::is_signed(from) ? ir.CreateSIToFP(value, type) : ir.CreateUIToFP(value, type);
  }
  bool directed() const {
    return modifiers.rounding == Rounding::rz || modifiers.rounding == Rounding::rm ||
           modifiers.rounding == Rounding::rp;
  }
  Value* directed_from_integer(Value* value, llvm::Type* type) {
    bool sign = ptx::is_signed(from);
    auto converted = [&](llvm::Type* to_type) {
      return sign ? ir.CreateSIToFP(value, to_type) : ir.CreateUIToFP(value, to_type);
    };
    if (ptx::bits(from) <= 32)  // every integer of 32 bits is a double; then it is a narrowing
      return to == Type::f64 ? converted(type) : narrowed(converted(emitter.shaped(ir.getDoubleTy(), value)), type);
    if (to != Type::f64 && to != Type::f32) emitter.unsupported(instruction);
    Value* near = converted(type);
    auto id = sign ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    Value* back = ir.CreateIntrinsic(id, {value->getType(), type}, {near});
    Value* beyond = ir.CreateFCmpOGE(near, llvm::ConstantFP::get(type, sign ? 0x1p63 : 0x1p64));
    Value* above = ir.CreateOr(beyond, sign ? ir.CreateICmpSGT(back, value) : ir.CreateICmpUGT(back, value));
    Value* below = sign ? ir.CreateICmpSLT(back, value) : ir.CreateICmpULT(back, value);
    return emitter.toward(modifiers.rounding, near, above, below);
  }

  // Rounds to nearest, then steps to the neighbour where the direction asks for it.
  Value* narrowed(Value* value, llvm::Type* type) {
    Value* near = ir.CreateFPTrunc(value, type);
    if (!directed()) return near;
    if (to != Type::f32) emitter.unsupported(instruction);
    Value* back = ir.CreateFPExt(near, value->getType());
    Value *above = ir.CreateFCmpOGT(back, value), *below = ir.CreateFCmpOLT(back, value);
    return emitter.toward(modifiers.rounding, near, above, below);
  }

  Value* float_to_float(Value* value) {
    value = flushed(value);
    auto* type = emitter.shaped(emitter.float_type(to), value);
    unsigned in = ptx::bits(from), out = ptx::bits(to);
    if (in == out && from == to)
      value = rounded(value);
    else if (out < in)
      value = narrowed(value, type);
    else if (out > in)
      value = ir.CreateFPExt(value, type);
    else
      emitter.unsupported(instruction);
    if (modifiers.sat) {
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, llvm::ConstantFP::get(value->getType(), 0));
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::minnum, value, llvm::ConstantFP::get(value->getType(), 1));
    }
    if (modifiers.has("relu"))
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, llvm::ConstantFP::get(value->getType(), 0));
    return flushed(value);
  }

  Value* integer_to_integer(Value* value) {
    if (modifiers.sat) value = saturated(value);
    auto* type = value->getType()->getWithNewBitWidth(ptx::bits(to));
    return ptx::is_signed(from) ? ir.CreateSExtOrTrunc(value, type) : ir.CreateZExtOrTrunc(value, type);
  }
  Value* saturated(Value* value) {
    unsigned in = ptx::bits(from), out = ptx::bits(to);
    uint64_t top = out == 64 ? ~uint64_t{0} : (uint64_t{1} << out) - 1;
    if (ptx::is_signed(to)) top >>= 1;
    if (!ptx::is_signed(from)) {
      if (in < out || (in == out && !ptx::is_signed(to))) return value;
      return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, value, emitter.like(value, top));
    }
    uint64_t bottom = ptx::is_signed(to) ? ~top : 0;
    if (in < out || (in == out && ptx::is_signed(to)))
      return ptx::is_signed(to) ? value
                                : ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value, emitter.like(value, 0));
    if (out < in || !ptx::is_signed(to))
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value, emitter.like(value, bottom));
    if (out < in) value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::smin, value, emitter.like(value, top));
    return value;
  }

  // cvt.rn.f16x2.f32 d, a, b: a becomes the upper half.
  void pack() {
    if (from != Type::f32 || (modifiers.rounding != Rounding::rn)) emitter.unsupported(instruction);
    auto half = [&](size_t i) {
      Value* value = emitter.as_float(emitter.read(instruction.operands[i], from), from);
      if (modifiers.has("relu"))
        value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, llvm::ConstantFP::get(value->getType(), 0));
      Value* narrow = ir.CreateFPTrunc(value, emitter.shaped(emitter.float_type(to), value));
      Value* bits = emitter.as_bits(narrow, 16);
      return ir.CreateZExt(bits, bits->getType()->getWithNewBitWidth(32));
    };
    Value *high = half(1), *low = half(2);
    emitter.unify(high, low);
    emitter.write(instruction.operands[0], ir.CreateOr(ir.CreateShl(high, emitter.like(high, 16)), low), Type::b32);
  }

  void run() {
    if (to == Type::f16x2 || to == Type::bf16x2) return pack();
    unsigned width = ptx::bits(to);
    bool known = (ptx::is_float(to) ? width >= 16 && to != Type::tf32 : true) &&
                 (ptx::is_float(from) ? ptx::bits(from) >= 16 && from != Type::tf32 : true);
    if (!known || modifiers.types.size() != 2) emitter.unsupported(instruction);
    Value* value = emitter.read(instruction.operands[1], from);
    if (ptx::is_float(from)) value = emitter.as_float(value, from);
    if (ptx::is_float(to)) {
      value = ptx::is_float(from) ? float_to_float(value) : integer_to_float(value);
      value = emitter.as_bits(value, width);
    } else {
      value = ptx::is_float(from) ? to_integer(value) : integer_to_integer(value);
    }
    emitter.write(instruction.operands[0], value, to);
  }
};

}  // namespace

bool emit_convert(Emitter& emitter, const ptx::Instruction& instruction) {
  if (instruction.opcode != ptx::Opcode::cvt) return false;
  Conversion{emitter, instruction}.run();
  return true;
}

}  // namespace software
