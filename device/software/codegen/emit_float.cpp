// Floating-point arithmetic and approximate functions (PTX ISA, "Floating Point Instructions").
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/approximate.h"
#include "device/software/codegen/emitter.h"
#include "device/software/codegen/processor.h"
#include "device/software/run/tensor_copy.h"
#include "device/software/codegen/narrow.h"
#include "device/software/codegen/rounding.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Type;

struct Float {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  llvm::IRBuilder<>& ir = emitter.ir;
  bool known = false, shape = false;

  bool brain = type == Type::bf16 || type == Type::bf16x2;  // computed as float
  // .f32x2: a half of the registers at a time, as .f32; its result is left in `made`.
  int half = -1;
  Value* made = nullptr;

  // add.f32.f16 and its like: all factors, and the first of two summands, have the second type.
  Type type_of(size_t i) const {
    bool mixed = modifiers.types.size() == 2 && i + 1 < instruction.operands.size();
    return mixed ? modifiers.source_type : type;
  }
  Value* source(size_t i) {
    Type held = type_of(i);
    Value* value = flushed(emitter, modifiers, emitter.as_float(bits(i), held));
    if (held == Type::bf16 || held == Type::bf16x2) value = from_bfloat(emitter, value);
    return held == Type::f16 && type == Type::f32 ? ir.CreateFPExt(value, emitter.shaped(ir.getFloatTy(), value))
                                                  : value;
  }
  // All sources are varying as soon as one is.
  Value* bits(size_t i) {
    if (!known) find_shape();
    Value* value = emitter.read(instruction.operands[i], half < 0 ? type_of(i) : Type::b64);
    if (half == 1) value = ir.CreateLShr(value, emitter.like(value, 32));
    if (half >= 0) value = ir.CreateTrunc(value, value->getType()->getWithNewBitWidth(32));
    return shape ? emitter.splat(value) : value;
  }
  void find_shape() {
    known = true;
    for (size_t i = 1; i < instruction.operands.size(); ++i)
      shape = shape || Emitter::varying(emitter.read(instruction.operands[i], type));
  }
  void result(Value* value) {
    value = flushed(emitter, modifiers, value);
    if (modifiers.sat) value = clamped(value);
    if (modifiers.has("relu")) value = relu(emitter, value);
    if (brain) value = bfloat_bits(emitter, value, modifiers.rounding);
    if (modifiers.has("oob")) value = without_outside(value);
    if (half >= 0) return void(made = emitter.as_bits(value, 32));
    emitter.write(instruction.operands[0], emitter.as_bits(value, ptx::bits(type)), type);
  }
  // .oob: +0 where a factor is the NaN that stands for what lies outside of a tensor (PTX ISA, "fma").
  Value* without_outside(Value* value) {
    auto* words = value->getType()->getWithNewType(ir.getInt16Ty());
    auto outside = [&](size_t i) {
      Value* held = ir.CreateBitCast(emitter.as_float(bits(i), type), words);
      return ir.CreateICmpEQ(held, llvm::ConstantInt::get(words, outside_tensor));
    };
    return ir.CreateSelect(ir.CreateOr(outside(1), outside(2)), llvm::Constant::getNullValue(value->getType()), value);
  }
  Value* number(Value* like, double value) { return llvm::ConstantFP::get(like->getType(), value); }
  Value* clamped(Value* value) {  // to [0, 1]; NaN becomes 0
    value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, number(value, 0));
    return ir.CreateBinaryIntrinsic(llvm::Intrinsic::minnum, value, number(value, 1));
  }
  Value* unary(llvm::Intrinsic::ID id, Value* value) { return ir.CreateUnaryIntrinsic(id, value); }
  // Approximated, or by the C library's function.
  Value* curve(llvm::Intrinsic::ID id) {
    Value* value = source(1);
    Value* made = approximated(emitter, instruction.opcode, value);
    return made ? made : unary(id, value);
  }

  void smaller_or_larger() {
    bool min = instruction.opcode == Opcode::min;
    if (modifiers.xorsign_abs) return xor_of_signs(source(1), source(2), min);
    Value* value = magnitude(source(1));
    for (size_t i = 2; i < instruction.operands.size(); ++i) value = chosen(value, magnitude(source(i)), min);
    result(value);
  }
  Value* magnitude(Value* value) { return modifiers.abs ? unary(llvm::Intrinsic::fabs, value) : value; }
  Value* chosen(Value* a, Value* b, bool min) {
    Value* both = ir.CreateBinaryIntrinsic(min ? llvm::Intrinsic::minimum : llvm::Intrinsic::maximum, a, b);
    if (modifiers.nan) return both;
    // The number where the other is NaN, and -0 below +0: the second half is IEEE 754-2019 minimumNumber's.
    both = ir.CreateSelect(ir.CreateFCmpUNO(a, a), b, both);
    return ir.CreateSelect(ir.CreateFCmpUNO(b, b), a, both);
  }

  // .xorsign.abs: of the magnitudes; the result's sign is that of the product.
  void xor_of_signs(Value* a, Value* b, bool min) {
    Value *x = unary(llvm::Intrinsic::fabs, a), *y = unary(llvm::Intrinsic::fabs, b);
    auto id = modifiers.nan ? (min ? llvm::Intrinsic::minimum : llvm::Intrinsic::maximum)
                            : (min ? llvm::Intrinsic::minnum : llvm::Intrinsic::maxnum);
    auto* integers = a->getType()->getWithNewType(ir.getIntNTy(a->getType()->getScalarSizeInBits()));
    Value* signs = ir.CreateXor(ir.CreateBitCast(a, integers), ir.CreateBitCast(b, integers));
    result(ir.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, ir.CreateBinaryIntrinsic(id, x, y),
                                    ir.CreateBitCast(signs, a->getType())));
  }

  void fused() {
    Value *a = source(1), *b = source(2), *c = source(3);
    bool half = type == Type::f16 || type == Type::f16x2;
    if (brain || (half && !has_instructions("avx512fp16"))) {  // rounding to float first would round twice
      auto* wide = a->getType()->getWithNewType(ir.getDoubleTy());
      Value* odd = odd_fused(emitter, ir.CreateFPExt(a, wide), ir.CreateFPExt(b, wide), ir.CreateFPExt(c, wide));
      return result(brain ? odd : ir.CreateFPTrunc(odd, a->getType()));
    }
    result(ir.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c}));
  }

  bool directed() {
    size_t sources = instruction.operands.size() - 1;
    result(directed_arithmetic(emitter, instruction, source(1), sources > 1 ? source(2) : nullptr,
                               sources > 2 ? source(3) : nullptr));
    return true;
  }

  // rcp and rsqrt .approx.ftz.f64: the upper 32 bits of the operand make those of the result (PTX ISA,
  // "rcp.approx.ftz.f64").
  void coarse() {
    constexpr uint64_t upper = 0xffffffff00000000, normal = 0x0010000000000000, magnitudes = 0x7fffffffffffffff;
    auto cut = [&](Value* word) {
      word = ir.CreateAnd(word, emitter.like(word, upper));
      Value* small = ir.CreateICmpULT(ir.CreateAnd(word, emitter.like(word, magnitudes)), emitter.like(word, normal));
      return ir.CreateSelect(small, ir.CreateAnd(word, emitter.like(word, ~magnitudes)), word);
    };
    Value* value = emitter.as_float(cut(bits(1)), type);
    if (instruction.opcode == Opcode::rsqrt) value = unary(llvm::Intrinsic::sqrt, value);
    value = ir.CreateFDiv(number(value, 1), value);
    emitter.write(instruction.operands[0], cut(emitter.as_bits(value, 64)), type);
  }

  void test() {  // testp writes a predicate
    Value* value = emitter.as_float(bits(1), type);
    Value* magnitude = unary(llvm::Intrinsic::fabs, value);
    Value* infinity = llvm::ConstantFP::getInfinity(value->getType());
    Value* smallest = number(value, type == Type::f64 ? 0x1p-1022 : 0x1p-126);
    const std::string& what = modifiers.operation;
    Value* truth =
        what == "finite"       ? ir.CreateFCmpOLT(magnitude, infinity)
        : what == "infinite"   ? ir.CreateFCmpOEQ(magnitude, infinity)
        : what == "number"     ? ir.CreateFCmpORD(value, value)
        : what == "notanumber" ? ir.CreateFCmpUNO(value, value)
        : what == "normal" ? ir.CreateAnd(ir.CreateFCmpOGE(magnitude, smallest), ir.CreateFCmpOLT(magnitude, infinity))
        : what == "subnormal"
            ? ir.CreateAnd(ir.CreateFCmpOLT(magnitude, smallest), ir.CreateFCmpOGT(magnitude, number(value, 0)))
            : nullptr;
    if (!truth) emitter.unsupported(instruction);
    emitter.write(instruction.operands[0], truth);
  }
};

bool emit(Float& floats) {
  auto& emitter = floats.emitter;
  const auto& instruction = floats.instruction;
  const auto& modifiers = instruction.modifiers;
  auto& ir = emitter.ir;
  using namespace llvm;
  auto source = [&](size_t i) { return floats.source(i); };
  auto one_over = [&](llvm::Value* value) { return ir.CreateFDiv(floats.number(value, 1), value); };
  if (is_directed(modifiers.rounding) && instruction.opcode != Opcode::cvt) return floats.directed();
  switch (instruction.opcode) {
    case Opcode::add: floats.result(ir.CreateFAdd(source(1), source(2))); return true;
    case Opcode::sub: floats.result(ir.CreateFSub(source(1), source(2))); return true;
    case Opcode::mul: floats.result(ir.CreateFMul(source(1), source(2))); return true;
    case Opcode::div: floats.result(ir.CreateFDiv(source(1), source(2))); return true;
    case Opcode::mad:
    case Opcode::fma: floats.fused(); return true;
    case Opcode::neg: floats.result(ir.CreateFNeg(source(1))); return true;
    case Opcode::abs: floats.result(floats.unary(Intrinsic::fabs, source(1))); return true;
    case Opcode::min:
    case Opcode::max: floats.smaller_or_larger(); return true;
    case Opcode::sqrt: floats.result(floats.unary(Intrinsic::sqrt, source(1))); return true;
    case Opcode::rcp: floats.result(one_over(source(1))); return true;
    case Opcode::rsqrt: floats.result(one_over(floats.unary(Intrinsic::sqrt, source(1)))); return true;
    case Opcode::ex2: floats.result(floats.curve(Intrinsic::exp2)); return true;
    case Opcode::lg2: floats.result(floats.curve(Intrinsic::log2)); return true;
    case Opcode::sin: floats.result(floats.curve(Intrinsic::sin)); return true;
    case Opcode::cos: floats.result(floats.curve(Intrinsic::cos)); return true;
    case Opcode::tanh: floats.result(floats.curve(Intrinsic::tanh)); return true;
    case Opcode::copysign:  // PTX: the sign of a on the magnitude of b
      floats.result(ir.CreateBinaryIntrinsic(Intrinsic::copysign, source(2), source(1)));
      return true;
    case Opcode::testp: floats.test(); return true;
    default: return false;
  }
}

// .f32x2: each half by itself.
bool emit_pair(Emitter& emitter, const ptx::Instruction& instruction) {
  ptx::Instruction single = instruction;
  single.modifiers.type = Type::f32;
  llvm::Value* halves[2];
  for (int i : {0, 1}) {
    Float floats{emitter, single};
    floats.half = i;
    if (!emit(floats)) return false;
    halves[i] = floats.made;
  }
  auto& ir = emitter.ir;
  auto* wide = halves[0]->getType()->getWithNewBitWidth(64);
  llvm::Value* high = ir.CreateZExt(halves[1], wide);
  high = ir.CreateShl(high, emitter.like(high, 32));
  emitter.write(instruction.operands[0], ir.CreateOr(high, ir.CreateZExt(halves[0], wide)), Type::b64);
  return true;
}

}  // namespace

bool emit_float(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  if (!ptx::is_float(type) || type == Type::tf32) return false;
  if (type == Type::f32x2) return emit_pair(emitter, instruction);
  Float floats{emitter, instruction};
  bool coarse = type == Type::f64 && modifiers.approx && modifiers.ftz;
  if (coarse && (instruction.opcode == Opcode::rcp || instruction.opcode == Opcode::rsqrt))
    return floats.coarse(), true;
  return emit(floats);
}

}  // namespace software
