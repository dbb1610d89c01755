// Directed rounding: the result to nearest, then a step to its neighbour where the exact result lies on the other
// side. What the exact result is follows from the error of the rounded operation, which floating point can hold
// (Muller et al., "Handbook of Floating-Point Arithmetic", chapters 4 and 5).
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Rounding;

// The operation in the precision `working`, its rounding error as a sum of two parts (only the sign of the sum and
// comparisons with it are used), or for quotients and roots the residue of a given result.
struct Exactly {
  llvm::IRBuilder<>& ir;
  Value* value = nullptr;
  Value* error = nullptr;

  Value* fma(Value* a, Value* b, Value* c) {
    return ir.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
  }
  // Knuth's sum of two: value + error is a + b exactly.
  void sum(Value* a, Value* b) {
    value = ir.CreateFAdd(a, b);
    error = rest(a, b, value);
  }
  Value* rest(Value* a, Value* b, Value* s) {
    Value* b_part = ir.CreateFSub(s, a);
    Value* a_part = ir.CreateFSub(s, b_part);
    return ir.CreateFAdd(ir.CreateFSub(a, a_part), ir.CreateFSub(b, b_part));
  }
  void product(Value* a, Value* b) {
    value = ir.CreateFMul(a, b);
    error = fma(a, b, ir.CreateFNeg(value));
  }
  // Boldo and Muller's error of a fused multiply-add, its two parts added: the sign stays right.
  void fused(Value* a, Value* b, Value* c) {
    value = fma(a, b, c);
    Value* high = ir.CreateFMul(a, b);
    Value* low = fma(a, b, ir.CreateFNeg(high));
    Value* inner = ir.CreateFAdd(c, low);
    Value* inner_rest = rest(c, low, inner);
    Value* outer = ir.CreateFAdd(high, inner);
    Value* outer_rest = rest(high, inner, outer);
    error = ir.CreateFAdd(ir.CreateFAdd(ir.CreateFSub(outer, value), outer_rest), inner_rest);
  }
};

}  // namespace

Emitter::Value* Emitter::toward(Rounding rounding, Value* near, Value* above, Value* below) {
  unsigned width = near->getType()->getScalarSizeInBits();
  Value* negative = ir.CreateFCmpOLT(near, llvm::ConstantFP::get(near->getType(), 0.0));
  Value* bits = as_bits(near, width);
  Value *one = like(bits, 1), *none = like(bits, 0), *back = ir.CreateNeg(one);
  Value* step = none;
  if (rounding == Rounding::rz)  // the magnitude grew
    step = ir.CreateSelect(ir.CreateSelect(negative, below, above), back, none);
  else if (rounding == Rounding::rm)
    step = ir.CreateSelect(above, ir.CreateSelect(negative, one, back), none);
  else
    step = ir.CreateSelect(below, ir.CreateSelect(negative, back, one), none);
  // A step down from zero would leave the number line: there the answer is the smallest number, of the sign that
  // the direction has; to zero there is no step at all.
  Value* zero = ir.CreateICmpEQ(ir.CreateShl(bits, one), none);
  uint64_t sign = rounding == Rounding::rm ? uint64_t{1} << (width - 1) : 0;
  Value* tiny = rounding == Rounding::rz ? bits : like(bits, sign | 1);
  Value* away = ir.CreateICmpNE(step, none);
  return ir.CreateBitCast(ir.CreateSelect(ir.CreateAnd(zero, away), tiny, ir.CreateAdd(bits, step)), near->getType());
}

// add, sub, mul, fma, div, rcp and sqrt of f32 and f64. f32 is computed in double precision first: its products are
// exact there, and rounding twice ends at one of the two neighbours all the same.
Emitter::Value* Emitter::directed(const Instruction& instruction, std::vector<Value*> sources) {
  auto* narrow = sources[0]->getType();
  bool wide = narrow->getScalarType()->isDoubleTy();
  auto* working = shaped(ir.getDoubleTy(), sources[0]);
  if (!wide)
    for (Value*& source : sources) source = ir.CreateFPExt(source, working);
  Value* a = sources[0];
  Value* b = sources.size() > 1 ? sources[1] : a;
  Value* zero = llvm::ConstantFP::get(working, 0.0);
  Exactly exactly{ir};
  switch (instruction.opcode) {
    case Opcode::add: exactly.sum(a, b); break;
    case Opcode::sub: exactly.sum(a, ir.CreateFNeg(b)); break;
    case Opcode::mul: exactly.product(a, b); break;
    case Opcode::mad:
    case Opcode::fma:
      if (wide)
        exactly.fused(a, b, sources[2]);
      else
        exactly.sum(ir.CreateFMul(a, b), sources[2]);
      break;
    case Opcode::rcp: b = a, a = llvm::ConstantFP::get(working, 1.0); [[fallthrough]];
    case Opcode::div: exactly.value = ir.CreateFDiv(a, b); break;
    case Opcode::sqrt: exactly.value = ir.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, a); break;
    default: unsupported(instruction);
  }
  Value* near = wide ? exactly.value : ir.CreateFPTrunc(exactly.value, narrow);
  Value* result = wide ? near : ir.CreateFPExt(near, working);
  Value *above, *below;
  if (exactly.error) {
    Value* distance = ir.CreateFSub(result, exactly.value);  // zero in double precision
    above = ir.CreateFCmpOGT(distance, exactly.error);
    below = ir.CreateFCmpOLT(distance, exactly.error);
  } else {  // result * b - a, or result * result - a, has the sign of what is too much
    Value* factor = instruction.opcode == Opcode::sqrt ? result : b;
    Value* residue = exactly.fma(result, factor, ir.CreateFNeg(a));
    residue = ir.CreateSelect(ir.CreateFCmpOLT(factor, zero), ir.CreateFNeg(residue), residue);
    above = ir.CreateFCmpOGT(residue, zero);
    below = ir.CreateFCmpOLT(residue, zero);
  }
  // An overflow leaves no error to look at: infinity is beyond any number.
  Value* infinity = llvm::ConstantFP::getInfinity(working);
  Value* finite = ir.getTrue();
  if (varying(a)) finite = splat(finite);
  for (Value* source : sources)
    finite = ir.CreateAnd(finite, ir.CreateFCmpOLT(ir.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, source), infinity));
  bool divides = instruction.opcode == Opcode::div || instruction.opcode == Opcode::rcp;
  if (divides) finite = ir.CreateAnd(finite, ir.CreateFCmpONE(b, zero));  // x / 0 is infinity itself
  above = ir.CreateOr(above, ir.CreateAnd(finite, ir.CreateFCmpOEQ(result, infinity)));
  below = ir.CreateOr(below, ir.CreateAnd(finite, ir.CreateFCmpOEQ(result, ir.CreateFNeg(infinity))));
  return toward(instruction.modifiers.rounding, near, above, below);
}

}  // namespace software
