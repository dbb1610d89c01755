// Arithmetic that rounds towards zero, down or up (PTX ISA, "Floating Point Instructions", .rz .rm .rp).
// Single precision: the result to double precision and the sign of what is still missing decide which neighbour is
// meant. Double precision: the processor's own rounding modes, out of line.
#include <llvm/IR/Intrinsics.h>

#include <bit>
#include <optional>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/mostly.h"
#include "device/software/codegen/rounding.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Operand;
using ptx::Rounding;
using ptx::Type;

namespace id = llvm::Intrinsic;

struct Directed {
  Emitter& emitter;
  Rounding rounding;
  llvm::IRBuilder<>& ir = emitter.ir;

  // What a sum is beyond its rounded value (Knuth's TwoSum): exact where nothing overflows.
  Value* rest_of_sum(Value* a, Value* b, Value* sum) {
    Value* part = ir.CreateFSub(sum, a);
    Value* rest_a = ir.CreateFSub(a, ir.CreateFSub(sum, part));
    return ir.CreateFAdd(rest_a, ir.CreateFSub(b, part));
  }

  Value* fused(Value* a, Value* b, Value* c) { return ir.CreateIntrinsic(id::fma, {a->getType()}, {a, b, c}); }

  // A product of floats is exact in double, and so is the rest of a sum of two doubles of that range.
  Value* sum(Value* a, Value* b, llvm::Type* type) {
    Value* near = ir.CreateFAdd(a, b);
    Value* result = round_from(emitter, rounding, near, rest_of_sum(a, b, near), type);
    if (rounding != Rounding::rm) return result;
    // x + -x is +0, but -0 when rounding down (IEEE 754, 6.3).
    Value *zero = llvm::Constant::getNullValue(result->getType()),
          *wide_zero = llvm::Constant::getNullValue(a->getType());
    Value* signs = ir.CreateXor(emitter.as_bits(a, 64), emitter.as_bits(b, 64));
    Value* opposite = ir.CreateICmpSLT(signs, emitter.like(signs, 0));
    Value* cancels = ir.CreateAnd(opposite, ir.CreateFCmpOEQ(near, wide_zero));
    return ir.CreateSelect(cancels, ir.CreateFNeg(zero), result);
  }

  Value* quotient(Value* a, Value* b, llvm::Type* type) {
    Value* near = ir.CreateFDiv(a, b);
    Value* rest = fused(ir.CreateFNeg(near), b, a);  // has the sign of b too many
    rest = ir.CreateFMul(rest, ir.CreateBinaryIntrinsic(id::copysign, llvm::ConstantFP::get(a->getType(), 1), b));
    return round_from(emitter, rounding, near, rest, type);
  }

  Value* root(Value* a, llvm::Type* type) {
    Value* near = ir.CreateUnaryIntrinsic(id::sqrt, a);
    return round_from(emitter, rounding, near, fused(ir.CreateFNeg(near), near, a), type);
  }

  // a * factor + shift of floats, where the shift is so large that the sum is a whole number with 24 bits: how nvcc's
  // expf() rounds. What the sum is beyond the product, and so what is still missing, is exact.
  Value* shifted(Value* a, Value* factor, Value* shift, const std::function<Value*()>& otherwise) {
    Value* near = fused(a, factor, shift);
    Value* rest = fused(a, factor, ir.CreateFNeg(ir.CreateFSub(near, shift)));
    Value *bits = emitter.as_bits(near, 32), *none = llvm::Constant::getNullValue(near->getType());
    const bool up = rounding == Rounding::rp;
    Value* misses = ir.CreateFCmp(up ? llvm::CmpInst::FCMP_OGT : llvm::CmpInst::FCMP_OLT, rest, none);
    Value* step = ir.CreateSExt(misses, bits->getType());
    Value* moved = up ? ir.CreateSub(bits, step) : ir.CreateAdd(bits, step);
    Value* exponent = ir.CreateLShr(bits, emitter.like(bits, 23));
    Value* other = ir.CreateXor(exponent, emitter.like(exponent, 127 + 23));
    if (Emitter::varying(other)) other = ir.CreateOrReduce(other);
    other = ir.CreateICmpNE(other, emitter.like(other, 0));
    return mostly(
        emitter, other, [&] { return ir.CreateBitCast(moved, near->getType()); }, otherwise);
  }

  Value* single(Opcode opcode, Value* a, Value* b, Value* c) {
    llvm::Type* type = a->getType();
    auto* wide = emitter.shaped(ir.getDoubleTy(), a);
    auto widened = [&](Value* value) { return value ? ir.CreateFPExt(value, wide) : nullptr; };
    a = widened(a), b = widened(b), c = widened(c);
    switch (opcode) {
      case Opcode::add: return sum(a, b, type);
      case Opcode::sub: return sum(a, ir.CreateFNeg(b), type);
      case Opcode::mul:
        return round_from(emitter, rounding, ir.CreateFMul(a, b), llvm::Constant::getNullValue(wide), type);
      case Opcode::div: return quotient(a, b, type);
      case Opcode::rcp: return quotient(llvm::ConstantFP::get(wide, 1), a, type);
      case Opcode::sqrt: return root(a, type);
      default: return sum(ir.CreateFMul(a, b), c, type);
    }
  }
};

std::optional<double> number_of(const Operand& operand) {
  if (operand.kind != Operand::real) return std::nullopt;
  if (operand.single) return std::bit_cast<float>(static_cast<uint32_t>(operand.value));
  return std::bit_cast<double>(operand.value);
}

// Also of a register that only ever becomes that number.
std::optional<double> number_of(const ptx::Function& function, const Operand& operand) {
  if (operand.kind != Operand::reg) return number_of(operand);
  std::optional<double> found;
  unsigned writes = 0;
  for (const ptx::Instruction& instruction : function.body)
    each_definition(instruction, [&](uint32_t reg) {
      if (reg != operand.index) return;
      bool plain = instruction.opcode == Opcode::mov && instruction.guard.reg < 0;
      found = plain ? number_of(instruction.operands[1]) : std::nullopt;
      ++writes;
    });
  return writes == 1 ? found : std::nullopt;
}

uint32_t mode_of(Rounding rounding) {
  return rounding == Rounding::rz ? outboard_towards_zero : rounding == Rounding::rm ? outboard_down : outboard_up;
}

uint32_t arithmetic_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::add: return outboard_sum;
    case Opcode::sub: return outboard_difference;
    case Opcode::mul: return outboard_product;
    case Opcode::div:
    case Opcode::rcp: return outboard_quotient;
    case Opcode::sqrt: return outboard_root;
    default: return outboard_fused;
  }
}

// `value`, 64 bits each, through memory to the out-of-line function and back as 64 bits each.
Value* out_of_line(Emitter& emitter, Rounding rounding, uint32_t what, std::initializer_list<Value*> operands) {
  auto& ir = emitter.ir;
  Value* shape = *operands.begin();
  auto* words = emitter.shaped(ir.getInt64Ty(), shape);
  auto* room = emitter.scratch(llvm::ArrayType::get(words, 3));
  unsigned i = 0;
  for (Value* operand : operands)
    ir.CreateStore(emitter.as_bits(operand, 64), ir.CreateConstGEP2_32(room->getAllocatedType(), room, 0, i++));
  emitter.hook("outboard_round", ir.getVoidTy(),
               {ir.getInt32(what), ir.getInt32(mode_of(rounding)),
                ir.getInt32(Emitter::varying(shape) ? emitter.lanes : 1), room});
  return ir.CreateLoad(words, room);
}

}  // namespace

bool is_directed(Rounding rounding) {
  return rounding == Rounding::rz || rounding == Rounding::rm || rounding == Rounding::rp;
}

Value* round_from(Emitter& emitter, Rounding rounding, Value* value, Value* rest, llvm::Type* type) {
  auto& ir = emitter.ir;
  Value* near = ir.CreateFPTrunc(value, type);
  Value* back = ir.CreateFPExt(near, value->getType());
  Value* zero = llvm::Constant::getNullValue(value->getType());
  Value* same = ir.CreateFCmpOEQ(back, value);
  Value* above = ir.CreateOr(ir.CreateFCmpOGT(back, value), ir.CreateAnd(same, ir.CreateFCmpOLT(rest, zero)));
  Value* below = ir.CreateOr(ir.CreateFCmpOLT(back, value), ir.CreateAnd(same, ir.CreateFCmpOGT(rest, zero)));
  unsigned width = type->getScalarSizeInBits();
  Value* bits = emitter.as_bits(near, width);
  Value *one = emitter.like(bits, 1), *none = emitter.like(bits, 0), *less = emitter.like(bits, ~uint64_t{0});
  Value* negative = ir.CreateFCmpOLT(value, zero);
  Value* step;  // of the bit pattern, whose order is that of the magnitude
  if (rounding == Rounding::rz)
    step = ir.CreateSelect(ir.CreateSelect(negative, below, above), less, none);
  else if (rounding == Rounding::rm)
    step = ir.CreateSelect(above, ir.CreateSelect(negative, one, less), none);
  else
    step = ir.CreateSelect(below, ir.CreateSelect(negative, less, one), none);
  // Next to zero lies the smallest subnormal, whichever way.
  Value* at_zero = ir.CreateICmpEQ(ir.CreateShl(bits, one), none);
  Value* tiny = ir.CreateOr(ir.CreateAnd(bits, emitter.like(bits, uint64_t{1} << (width - 1))), one);
  Value* moves = ir.CreateICmpNE(step, none);
  return ir.CreateBitCast(ir.CreateSelect(ir.CreateAnd(at_zero, moves), tiny, ir.CreateAdd(bits, step)), type);
}

Value* directed_arithmetic(Emitter& emitter, const ptx::Instruction& instruction, Value* a, Value* b, Value* c) {
  auto& ir = emitter.ir;
  Rounding rounding = instruction.modifiers.rounding;
  if (instruction.modifiers.type == Type::f32) {
    Directed directed{emitter, rounding};
    auto any = [&] { return directed.single(instruction.opcode, a, b, c); };
    auto within = [&](size_t i, double least, double end) {
      std::optional<double> number = number_of(emitter.function, instruction.operands[i]);
      return number && *number >= least && *number < end;
    };
    bool fma = instruction.opcode == Opcode::fma;
    if (fma && within(3, 0x1p23, 0x1p24) && within(2, 1, 0x1p100)) return directed.shifted(a, b, c, any);
    return any();
  }
  if (instruction.modifiers.type != Type::f64) emitter.unsupported(instruction);
  uint32_t what = arithmetic_of(instruction.opcode);
  if (instruction.opcode == Opcode::rcp) b = a, a = llvm::ConstantFP::get(a->getType(), 1);
  Value* bits = !b   ? out_of_line(emitter, rounding, what, {a})
                : !c ? out_of_line(emitter, rounding, what, {a, b})
                     : out_of_line(emitter, rounding, what, {a, b, c});
  return ir.CreateBitCast(bits, a->getType());
}

Value* directed_from_integer(Emitter& emitter, Rounding rounding, Value* value, bool is_signed, llvm::Type* type) {
  auto& ir = emitter.ir;
  auto* wide = emitter.shaped(ir.getDoubleTy(), value);
  bool to_double = type == wide;
  if (value->getType()->getScalarSizeInBits() <= 32) {  // a double holds every integer of 32 bits
    Value* exact = is_signed ? ir.CreateSIToFP(value, wide) : ir.CreateUIToFP(value, wide);
    return to_double ? exact : round_from(emitter, rounding, exact, llvm::Constant::getNullValue(wide), type);
  }
  uint32_t what = is_signed ? (to_double ? outboard_signed_to_double : outboard_signed_to_float)
                            : (to_double ? outboard_unsigned_to_double : outboard_unsigned_to_float);
  Value* bits = out_of_line(emitter, rounding, what, {value});
  if (to_double) return ir.CreateBitCast(bits, type);
  return ir.CreateBitCast(ir.CreateTrunc(bits, bits->getType()->getWithNewBitWidth(32)), type);
}

}  // namespace software
