// cvt: between integers, between floats, and across (PTX ISA, "cvt").
#include <llvm/IR/Intrinsics.h>

#include <cmath>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/narrow.h"
#include "device/software/codegen/rounding.h"

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

  // .ftz concerns the single-precision side of a conversion alone (PTX ISA, "cvt").
  Value* flushed(Value* value) {
    return value->getType()->getScalarType()->isFloatTy() ? software::flushed(emitter, modifiers, value) : value;
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
    // LLVM 19 takes AVX512-FP16's answer for NaN as it is where half becomes s16.
    if (from == Type::f16) value = ir.CreateFPExt(value, emitter.shaped(ir.getFloatTy(), value));
    auto* type = emitter.shaped(ir.getIntNTy(ptx::bits(to)), value);
    auto id = ptx::is_signed(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    Value* result = ir.CreateIntrinsic(id, {type, value->getType()}, {value});
    if (ptx::bits(to) != 64) return result;
    return ir.CreateSelect(ir.CreateFCmpUNO(value, value), emitter.like(result, uint64_t{1} << 63), result);
  }

  Value* integer_to_float(Value* value) {
    auto* type = emitter.shaped(emitter.float_type(to), value);
    if (is_directed(modifiers.rounding)) {
      if (to != Type::f32 && to != Type::f64) emitter.unsupported(instruction);
      return directed_from_integer(emitter, modifiers.rounding, value, ptx::is_signed(from), type);
    }
    if (to == Type::bf16)
      return to_bfloat(emitter, odd_from_integer(emitter, value, ptx::is_signed(from)), Rounding::rn);
    return ptx::is_signed(from) ? ir.CreateSIToFP(value, type) : ir.CreateUIToFP(value, type);
  }

  Value* narrowed(Value* value, llvm::Type* type) {
    if (from == Type::f64 && to != Type::f32 && !is_directed(modifiers.rounding)) value = odd_float(emitter, value);
    if (type->getScalarType()->isBFloatTy()) return to_bfloat(emitter, value, modifiers.rounding);
    if (!is_directed(modifiers.rounding)) return ir.CreateFPTrunc(value, type);
    return round_from(emitter, modifiers.rounding, value, llvm::Constant::getNullValue(value->getType()), type);
  }

  Value* float_to_float(Value* value) {
    value = flushed(value);
    if (modifiers.has("relu")) value = relu(emitter, value);
    auto* type = emitter.shaped(emitter.float_type(to), value);
    unsigned in = ptx::bits(from), out = ptx::bits(to);
    if (in == out && from == to)
      value = rounded(value);
    else if (out < in)
      value = narrowed(value, type);
    else if (out > in)
      value = value->getType() == type ? value : ir.CreateFPExt(value, type);
    else
      emitter.unsupported(instruction);
    if (modifiers.sat) {
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, llvm::ConstantFP::get(value->getType(), 0));
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::minnum, value, llvm::ConstantFP::get(value->getType(), 1));
    }
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
    if (from != Type::f32 || (modifiers.rounding != Rounding::rn && modifiers.rounding != Rounding::rz) ||
        modifiers.has("satfinite"))
      emitter.unsupported(instruction);
    auto half = [&](size_t i) {
      Value* value = emitter.as_float(emitter.read(instruction.operands[i], from), from);
      if (modifiers.has("relu")) value = relu(emitter, value);
      Value* narrow = narrowed(value, emitter.shaped(emitter.float_type(to), value));
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
    if (from == Type::bf16) value = from_bfloat(emitter, value);
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
