// Integer arithmetic (PTX ISA, "Integer Arithmetic Instructions" and "Extended-Precision").
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Type;
using ptx::Width;

bool is_integer(const ptx::Instruction& instruction) {
  Type type = instruction.modifiers.type;
  return type != Type::pred && !ptx::is_float(type) && type != Type::u16x2 && type != Type::s16x2;
}

struct Integer {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  bool is_signed = ptx::is_signed(type);
  llvm::IRBuilder<>& ir = emitter.ir;

  Value* source(size_t i) { return emitter.read(instruction.operands[i], type); }
  void pair(size_t first, Value*& a, Value*& b) {
    a = source(first);
    b = source(first + 1);
    emitter.unify(a, b);
  }
  void result(Value* value) { emitter.write(instruction.operands[0], value, type); }
  Value* wider(Value* value) {
    auto* type = value->getType()->getWithNewBitWidth(value->getType()->getScalarSizeInBits() * 2);
    return is_signed ? ir.CreateSExt(value, type) : ir.CreateZExt(value, type);
  }

  // The product as mul and mad see it: low half, high half, or both.
  Value* product(Value* a, Value* b) {
    if (modifiers.width != Width::hi && modifiers.width != Width::wide) return ir.CreateMul(a, b);
    Value* full = ir.CreateMul(wider(a), wider(b));
    if (modifiers.width == Width::wide) return full;
    return ir.CreateTrunc(ir.CreateLShr(full, emitter.like(full, ptx::bits(type))), a->getType());
  }

  Type wide_type() const {
    if (modifiers.width != Width::wide) return type;
    return ptx::bits(type) == 16 ? (is_signed ? Type::s32 : Type::u32) : (is_signed ? Type::s64 : Type::u64);
  }

  void add_or_subtract() {
    Value *a, *b;
    pair(1, a, b);
    bool add = instruction.opcode == Opcode::add;
    if (modifiers.cc) return with_carry(add ? Opcode::addc : Opcode::subc, a, b, nullptr);
    if (modifiers.sat) return result(saturated(add, a, b));
    result(add ? ir.CreateAdd(a, b) : ir.CreateSub(a, b));
  }
  Value* saturated(bool add, Value* a, Value* b) {
    return ir.CreateBinaryIntrinsic(add ? llvm::Intrinsic::sadd_sat : llvm::Intrinsic::ssub_sat, a, b);
  }

  Value* carry_in() { return ir.CreateLoad(llvm::FixedVectorType::get(ir.getInt1Ty(), emitter.lanes), emitter.carry); }

  // CC.CF holds the carry of an addition and the borrow of a subtraction.
  void with_carry(Opcode opcode, Value* a, Value* b, Value* in) {
    a = emitter.splat(a);
    b = emitter.splat(b);
    auto* wide = a->getType()->getWithNewBitWidth(ptx::bits(type) * 2);
    Value* full = opcode == Opcode::addc ? ir.CreateAdd(ir.CreateZExt(a, wide), ir.CreateZExt(b, wide))
                                         : ir.CreateSub(ir.CreateZExt(a, wide), ir.CreateZExt(b, wide));
    if (in)
      full = opcode == Opcode::addc ? ir.CreateAdd(full, ir.CreateZExt(in, wide))
                                    : ir.CreateSub(full, ir.CreateZExt(in, wide));
    result(ir.CreateTrunc(full, a->getType()));
    if (!modifiers.cc) return;
    Value* flag = ir.CreateTrunc(ir.CreateLShr(full, emitter.like(full, ptx::bits(type))),
                                 llvm::FixedVectorType::get(ir.getInt1Ty(), emitter.lanes));
    ir.CreateStore(ir.CreateSelect(emitter.active_lanes(), flag, carry_in()), emitter.carry);
  }

  void multiply_add() {
    Value *a, *b;
    pair(1, a, b);
    Value* c = emitter.read(instruction.operands[3], wide_type());
    Value* p = product(a, b);
    emitter.unify(p, c);
    if (instruction.opcode == Opcode::madc || modifiers.cc)
      return with_carry(Opcode::addc, p, c, instruction.opcode == Opcode::madc ? carry_in() : nullptr);
    if (modifiers.sat) return result(saturated(true, p, c));
    emitter.write(instruction.operands[0], ir.CreateAdd(p, c), wide_type());
  }

  void multiply24() {
    Value *a, *b;
    pair(1, a, b);
    auto narrow = [&](Value* value) {
      value = ir.CreateShl(value, emitter.like(value, 8));
      return is_signed ? ir.CreateAShr(value, emitter.like(value, 8)) : ir.CreateLShr(value, emitter.like(value, 8));
    };
    Value* full = ir.CreateMul(wider(narrow(a)), wider(narrow(b)));
    uint64_t shift = modifiers.width == Width::hi ? 16 : 0;
    Value* p = ir.CreateTrunc(ir.CreateLShr(full, emitter.like(full, shift)), a->getType());
    if (instruction.opcode == Opcode::mul24) return result(p);
    Value* c = source(3);
    emitter.unify(p, c);
    result(modifiers.sat ? saturated(true, p, c) : ir.CreateAdd(p, c));
  }

  // Lanes that do not run may hold a zero divisor, and hardware here traps: they divide by one. A running lane
  // that divides by zero gets all ones (quotient) or the dividend (remainder), as NVIDIA's code does.
  void divide() {
    Value *a, *b;
    pair(1, a, b);
    Value* zero = ir.CreateICmpEQ(b, emitter.like(b, 0));
    Value* idle = zero;
    if (is_signed)
      idle = ir.CreateOr(idle, ir.CreateAnd(ir.CreateICmpEQ(b, emitter.like(b, ~uint64_t{0})),
                                            ir.CreateICmpEQ(a, emitter.like(a, uint64_t{1} << (ptx::bits(type) - 1)))));
    Value* safe = ir.CreateSelect(idle, emitter.like(b, 1), b);
    Value* quotient = ptx::bits(type) <= 32 ? divided_as_doubles(a, safe)
                      : is_signed           ? ir.CreateSDiv(a, safe)
                                            : ir.CreateUDiv(a, safe);
    if (instruction.opcode == Opcode::div)
      return result(ir.CreateSelect(zero, emitter.like(a, ~uint64_t{0}), quotient));
    Value* rest = ir.CreateSub(a, ir.CreateMul(quotient, safe));
    result(ir.CreateSelect(zero, a, rest));
  }
  // Exact: the quotient of two 32-bit integers is an integer or further than 2^-32 (relatively) from the next one.
  Value* divided_as_doubles(Value* a, Value* b) {
    auto* real = emitter.shaped(ir.getDoubleTy(), a);
    if (is_signed)
      return ir.CreateFPToSI(ir.CreateFDiv(ir.CreateSIToFP(a, real), ir.CreateSIToFP(b, real)), a->getType());
    return ir.CreateFPToUI(ir.CreateFDiv(ir.CreateUIToFP(a, real), ir.CreateUIToFP(b, real)), a->getType());
  }

  void smaller_or_larger() {
    Value *a, *b;
    pair(1, a, b);
    bool min = instruction.opcode == Opcode::min;
    Value* value = ir.CreateBinaryIntrinsic(is_signed ? (min ? llvm::Intrinsic::smin : llvm::Intrinsic::smax)
                                                      : (min ? llvm::Intrinsic::umin : llvm::Intrinsic::umax),
                                            a, b);
    if (modifiers.has("relu")) value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value, emitter.like(value, 0));
    result(value);
  }

  // add, min and max of two 16-bit integers in a register (PTX ISA, "Integer Arithmetic Instructions": .u16x2, .s16x2).
  void packed() {
    Value *a = emitter.read(instruction.operands[1], Type::b32), *b = emitter.read(instruction.operands[2], Type::b32);
    emitter.unify(a, b);
    auto* halves = llvm::FixedVectorType::get(ir.getInt16Ty(), Emitter::varying(a) ? 2 * emitter.lanes : 2);
    a = ir.CreateBitCast(a, halves), b = ir.CreateBitCast(b, halves);
    bool min = instruction.opcode == Opcode::min;
    auto id = is_signed ? (min ? llvm::Intrinsic::smin : llvm::Intrinsic::smax)
                        : (min ? llvm::Intrinsic::umin : llvm::Intrinsic::umax);
    Value* value = instruction.opcode == Opcode::add ? ir.CreateAdd(a, b) : ir.CreateBinaryIntrinsic(id, a, b);
    if (modifiers.has("relu"))
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value, llvm::Constant::getNullValue(halves));
    emitter.write(instruction.operands[0], emitter.as_bits(value, 32), Type::b32);
  }

  Value* difference(Value* a, Value* b) {  // |a - b|
    Value* larger = is_signed ? ir.CreateICmpSGT(a, b) : ir.CreateICmpUGT(a, b);
    return ir.CreateSelect(larger, ir.CreateSub(a, b), ir.CreateSub(b, a));
  }
  void sum_of_difference() {
    Value *a, *b, *c = source(3);
    pair(1, a, b);
    Value* value = difference(a, b);
    emitter.unify(value, c);
    result(ir.CreateAdd(value, c));
  }

  // dp4a, dp2a: the types of a and b are the two type words.
  void dot() {
    bool four = instruction.opcode == Opcode::dp4a;
    Value* a = emitter.read(instruction.operands[1], Type::b32);
    Value* b = emitter.read(instruction.operands[2], Type::b32);
    Value* sum = emitter.read(instruction.operands[3], Type::b32);
    emitter.unify(a, b);
    emitter.unify(a, sum);
    emitter.unify(b, sum);
    auto part = [&](Value* value, unsigned bits, unsigned index, bool sign) {
      value = ir.CreateShl(value, emitter.like(value, 32 - bits * (index + 1)));
      return sign ? ir.CreateAShr(value, emitter.like(value, 32 - bits))
                  : ir.CreateLShr(value, emitter.like(value, 32 - bits));
    };
    bool sign_a = ptx::is_signed(modifiers.type), sign_b = ptx::is_signed(modifiers.source_type);
    for (unsigned i = 0; i < (four ? 4u : 2u); ++i) {
      unsigned at = four ? i : i + (modifiers.width == Width::hi ? 2 : 0);
      sum = ir.CreateAdd(sum, ir.CreateMul(part(a, four ? 8 : 16, i, sign_a), part(b, 8, at, sign_b)));
    }
    emitter.write(instruction.operands[0], sum, Type::b32);
  }
};

}  // namespace

bool emit_integer(Emitter& emitter, const ptx::Instruction& instruction) {
  Integer integer{emitter, instruction};
  if (instruction.opcode == Opcode::dp4a || instruction.opcode == Opcode::dp2a) return integer.dot(), true;
  bool packed = instruction.modifiers.type == Type::u16x2 || instruction.modifiers.type == Type::s16x2;
  if (packed &&
      (instruction.opcode == Opcode::add || instruction.opcode == Opcode::min || instruction.opcode == Opcode::max))
    return integer.packed(), true;
  if (!is_integer(instruction)) return false;
  auto& ir = emitter.ir;
  Value *a, *b;
  switch (instruction.opcode) {
    case Opcode::add:
    case Opcode::sub: integer.add_or_subtract(); return true;
    case Opcode::addc:
    case Opcode::subc:
      integer.pair(1, a, b);
      integer.with_carry(instruction.opcode, a, b, integer.carry_in());
      return true;
    case Opcode::mul:
      integer.pair(1, a, b);
      emitter.write(instruction.operands[0], integer.product(a, b), integer.wide_type());
      return true;
    case Opcode::mad:
    case Opcode::madc: integer.multiply_add(); return true;
    case Opcode::mul24:
    case Opcode::mad24: integer.multiply24(); return true;
    case Opcode::div:
    case Opcode::rem: integer.divide(); return true;
    case Opcode::min:
    case Opcode::max: integer.smaller_or_larger(); return true;
    case Opcode::neg: integer.result(ir.CreateNeg(integer.source(1))); return true;
    case Opcode::abs:
      a = integer.source(1);
      integer.result(ir.CreateSelect(ir.CreateICmpSLT(a, emitter.like(a, 0)), ir.CreateNeg(a), a));
      return true;
    case Opcode::sad: integer.sum_of_difference(); return true;
    default: return false;
  }
}

}  // namespace software
