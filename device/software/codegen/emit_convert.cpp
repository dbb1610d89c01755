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
      if (ptx::bits(to) == 16) return narrow(odd_from_integer(emitter, value, ptx::is_signed(from)));
      return directed_from_integer(emitter, modifiers.rounding, value, ptx::is_signed(from), type);
    }
    if (to == Type::bf16)
      return to_bfloat(emitter, odd_from_integer(emitter, value, ptx::is_signed(from)), Rounding::rn);
    return ptx::is_signed(from) ? ir.CreateSIToFP(value, type) : ir.CreateUIToFP(value, type);
  }

  // To 16 bits in any rounding, of a float.
  Value* narrow(Value* value) {
    bool brain = to == Type::bf16;
    Value* bits = rounded_bits(emitter, value, brain ? bfloat_format : half_format,
                               {modifiers.rounding, modifiers.has("satfinite")});
    auto* type = value->getType()->getWithNewType(brain ? ir.getBFloatTy() : ir.getHalfTy());
    return ir.CreateBitCast(ir.CreateTrunc(bits, value->getType()->getWithNewType(ir.getInt16Ty())), type);
  }

  Value* narrowed(Value* value, llvm::Type* type) {
    if (from == Type::f64 && to != Type::f32) value = odd_float(emitter, value);
    bool directed = is_directed(modifiers.rounding) || modifiers.has("satfinite");
    if (directed && to != Type::f32) return narrow(value);
    if (type->getScalarType()->isBFloatTy()) return to_bfloat(emitter, value, modifiers.rounding);
    if (!is_directed(modifiers.rounding)) return ir.CreateFPTrunc(value, type);
    return round_from(emitter, modifiers.rounding, value, llvm::Constant::getNullValue(value->getType()), type);
  }

  Value* float_to_float(Value* value) {
    value = flushed(value);
    if (modifiers.has("relu")) value = relu(emitter, value);
    auto* type = emitter.shaped(emitter.float_type(to), value);
    unsigned in = ptx::bits(from), out = ptx::bits(to);
    if (to == from) {
      value = rounded(value);
      if (to == Type::bf16) value = to_bfloat(emitter, value, Rounding::rn);  // exact
    } else if (in == 16 && out == 16) {                                       // f16 and bf16
      if (from == Type::f16) value = ir.CreateFPExt(value, emitter.shaped(ir.getFloatTy(), value));
      value = narrow(value);
    } else if (out < in)
      value = narrowed(value, type);
    else if (out > in)
      value = value->getType() == type ? value : ir.CreateFPExt(value, type);
    return flushed(clamped(value));
  }
  Value* clamped(Value* value) {  // .sat: to [0, 1], NaN becomes 0
    if (!modifiers.sat) return value;
    value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, llvm::ConstantFP::get(value->getType(), 0));
    return ir.CreateBinaryIntrinsic(llvm::Intrinsic::minnum, value, llvm::ConstantFP::get(value->getType(), 1));
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

  void run() {
    if (emit_convert_packed(emitter, instruction)) return;
    unsigned width = ptx::bits(to);
    auto scalar = [](Type type) {
      return !ptx::is_float(type) || type == Type::f16 || type == Type::bf16 || type == Type::f32 || type == Type::f64;
    };
    if (!scalar(to) || !scalar(from) || modifiers.types.size() != 2) emitter.unsupported(instruction);
    Value* value = emitter.read(instruction.operands[1], from);
    if (ptx::is_float(from)) value = emitter.as_float(value, from);
    if (from == Type::bf16) value = from_bfloat(emitter, value);
    if (ptx::is_float(to)) {
      value = ptx::is_float(from) ? float_to_float(value) : clamped(integer_to_float(value));
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
