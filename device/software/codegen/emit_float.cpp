// Floating-point arithmetic and approximate functions (PTX ISA, "Floating Point Instructions"). Round to nearest
// even; the directed modes are emit_rounding.cpp's.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Rounding;
using ptx::Type;

struct Float {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  llvm::IRBuilder<>& ir = emitter.ir;
  bool shape = false;

  // Subnormal inputs and results of an .ftz instruction are zeros of the same sign.
  Value* flushed(Value* value) {
    if (!modifiers.ftz || type != Type::f32) return value;
    Value* small = ir.CreateFCmpOLT(ir.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, value),
                                    llvm::ConstantFP::get(value->getType(), 0x1p-126));
    Value* zero =
        ir.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, llvm::ConstantFP::get(value->getType(), 0.0), value);
    return ir.CreateSelect(small, zero, value);
  }
  Value* source(size_t i) { return flushed(emitter.as_float(bits(i), type)); }
  // All sources are varying as soon as one is.
  Value* bits(size_t i) {
    Value* value = emitter.read(instruction.operands[i], type);
    return shape ? emitter.splat(value) : value;
  }
  void find_shape() {
    for (size_t i = 1; i < instruction.operands.size(); ++i)
      shape = shape || Emitter::varying(emitter.read(instruction.operands[i], type));
  }
  void result(Value* value) {
    value = flushed(value);
    if (modifiers.sat) value = clamped(value);
    if (modifiers.has("relu")) value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, number(value, 0));
    emitter.write(instruction.operands[0], emitter.as_bits(value, ptx::bits(type)), type);
  }
  Value* number(Value* like, double value) { return llvm::ConstantFP::get(like->getType(), value); }
  Value* clamped(Value* value) {  // to [0, 1]; NaN becomes 0
    value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::maxnum, value, number(value, 0));
    return ir.CreateBinaryIntrinsic(llvm::Intrinsic::minnum, value, number(value, 1));
  }
  Value* unary(llvm::Intrinsic::ID id, Value* value) { return ir.CreateUnaryIntrinsic(id, value); }

  void smaller_or_larger() {
    Value *a = source(1), *b = source(2);
    bool min = instruction.opcode == Opcode::min;
    if (modifiers.nan)
      return result(ir.CreateBinaryIntrinsic(min ? llvm::Intrinsic::minimum : llvm::Intrinsic::maximum, a, b));
    // The number where the other is NaN, and -0 below +0: the second half is IEEE 754-2019 minimumNumber's.
    Value* both = ir.CreateBinaryIntrinsic(min ? llvm::Intrinsic::minimum : llvm::Intrinsic::maximum, a, b);
    both = ir.CreateSelect(ir.CreateFCmpUNO(a, a), b, both);
    result(ir.CreateSelect(ir.CreateFCmpUNO(b, b), source(1), both));
  }

  void fused() {
    Value *a = source(1), *b = source(2), *c = source(3);
    result(ir.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c}));
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

bool directed(Rounding rounding) {
  return rounding == Rounding::rz || rounding == Rounding::rm || rounding == Rounding::rp;
}

}  // namespace

bool emit_float(Emitter& emitter, const ptx::Instruction& instruction) {
  Float floats{emitter, instruction};
  Type type = instruction.modifiers.type;
  if (!ptx::is_float(type) || type == Type::tf32) return false;
  auto& ir = emitter.ir;
  using namespace llvm;
  floats.find_shape();
  auto source = [&](size_t i) { return floats.source(i); };
  auto one_over = [&](llvm::Value* value) { return ir.CreateFDiv(floats.number(value, 1), value); };
  if (directed(instruction.modifiers.rounding)) {
    if (type != ptx::Type::f32 && type != ptx::Type::f64) emitter.unsupported(instruction);
    std::vector<llvm::Value*> sources;
    for (size_t i = 1; i < instruction.operands.size(); ++i) sources.push_back(source(i));
    floats.result(emitter.directed(instruction, std::move(sources)));
    return true;
  }
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
    case Opcode::ex2: floats.result(floats.unary(Intrinsic::exp2, source(1))); return true;
    case Opcode::lg2: floats.result(floats.unary(Intrinsic::log2, source(1))); return true;
    case Opcode::sin: floats.result(floats.unary(Intrinsic::sin, source(1))); return true;
    case Opcode::cos: floats.result(floats.unary(Intrinsic::cos, source(1))); return true;
    case Opcode::tanh: floats.result(floats.unary(Intrinsic::tanh, source(1))); return true;
    case Opcode::copysign:  // PTX: the sign of a on the magnitude of b
      floats.result(ir.CreateBinaryIntrinsic(Intrinsic::copysign, source(2), source(1)));
      return true;
    case Opcode::testp: floats.test(); return true;
    default: return false;
  }
}

}  // namespace software
