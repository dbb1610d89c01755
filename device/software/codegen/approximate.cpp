// Polynomials within the errors that the PTX ISA allows ("ex2": 2 ulp; "lg2": 2^-22; "sin", "cos": 2^-20.5; "tanh":
// 2^-11), all of them found by Remez' exchange. A call of the C library for each lane takes ten times as long.
#include "device/software/codegen/approximate.h"

#include <llvm/IR/Intrinsics.h>

#include <initializer_list>
#include <numbers>

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;

struct Approximation {
  Emitter& emitter;
  llvm::IRBuilder<>& ir = emitter.ir;

  static Value* number(Value* like, double value) { return llvm::ConstantFP::get(like->getType(), value); }
  Value* fused(Value* a, Value* b, Value* c) {
    return ir.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
  }
  Value* magnitude(Value* x) { return ir.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  // Coefficients from the highest power to the constant.
  Value* polynomial(Value* x, std::initializer_list<double> coefficients) {
    Value* sum = nullptr;
    for (double coefficient : coefficients) {
      Value* next = number(x, coefficient);
      sum = sum ? fused(sum, x, next) : next;
    }
    return sum;
  }
  Value* bits(Value* x) { return ir.CreateBitCast(x, x->getType()->getWithNewType(ir.getInt32Ty())); }
  Value* real(Value* bits) { return ir.CreateBitCast(bits, bits->getType()->getWithNewType(ir.getFloatTy())); }

  // The nearest integer to x * scale + 1.5 * 2^23 fills the fraction's low bits: as a float, and as an integer that is
  // too large by a multiple of 2^22.
  struct Rounded {
    Value *real, *integer;
  };
  Rounded nearest(Value* x, double scale) {
    constexpr double shift = 0x1.8p23;
    Value* shifted = fused(x, number(x, scale), number(x, shift));
    return {ir.CreateFSub(shifted, number(x, shift)), bits(shifted)};
  }

  Value* exponential(Value* x) {
    Value* high = ir.CreateFCmpOGT(x, number(x, 129));
    Value* low = ir.CreateFCmpOLT(x, number(x, -151));
    x = ir.CreateSelect(high, number(x, 129), ir.CreateSelect(low, number(x, -151), x));
    Rounded whole = nearest(x, 1);
    Value* rest = ir.CreateFSub(x, whole.real);
    Value* power =
        polynomial(rest, {0.00015353362, 0.00133988739, 0.00961843692, 0.0555033237, 0.240226477, 0.693147182, 1});
    // In two steps: what lies between is a normal number.
    Value* exponent = ir.CreateSub(whole.integer, emitter.like(whole.integer, 0x4b400000));
    Value* half = ir.CreateAShr(exponent, emitter.like(exponent, 1));
    auto scale = [&](Value* by) {
      return real(ir.CreateShl(ir.CreateAdd(by, emitter.like(by, 127)), emitter.like(by, 23)));
    };
    return ir.CreateFMul(ir.CreateFMul(power, scale(half)), scale(ir.CreateSub(exponent, half)));
  }

  Value* logarithm(Value* x) {
    constexpr uint32_t root_of_half = 0x3f3504f3;
    Value* subnormal = ir.CreateFCmpOLT(x, number(x, 0x1p-126));
    Value* scaled = ir.CreateSelect(subnormal, ir.CreateFMul(x, number(x, 0x1p23)), x);
    Value* from = ir.CreateSub(bits(scaled), emitter.like(bits(x), root_of_half));
    Value* exponent = ir.CreateSIToFP(ir.CreateAShr(from, emitter.like(from, 23)), x->getType());
    exponent = ir.CreateFSub(exponent, ir.CreateSelect(subnormal, number(x, 23), number(x, 0)));
    Value* fraction = ir.CreateAnd(from, emitter.like(from, 0x7fffff));
    Value* t = real(ir.CreateAdd(fraction, emitter.like(fraction, root_of_half)));
    t = ir.CreateFSub(t, number(x, 1));
    Value* slope = polynomial(t, {-0.109949313, 0.186174795, -0.191062763, 0.204600647, -0.239617407, 0.288567394,
                                  -0.360696644, 0.480898231, -0.721347332, 1.44269502});
    Value* result = fused(t, slope, exponent);
    Value* infinity = llvm::ConstantFP::getInfinity(x->getType());
    Value* minus = llvm::ConstantFP::getInfinity(x->getType(), true);
    Value* none = llvm::ConstantFP::getNaN(x->getType());
    Value* other = ir.CreateSelect(ir.CreateFCmpOEQ(x, number(x, 0)), minus, none);
    other = ir.CreateSelect(ir.CreateFCmpOEQ(x, infinity), infinity, other);
    Value* plain = ir.CreateAnd(ir.CreateFCmpOGT(x, number(x, 0)), ir.CreateFCmpOLT(x, infinity));
    return ir.CreateSelect(plain, result, other);
  }

  // Cody and Waite: pi / 2 in three parts. Beyond some millions nothing is promised but that |result| <= 1.
  Value* wave(Value* x, bool cosine) {
    Rounded quarter = nearest(x, 2 / std::numbers::pi);
    Value* rest = x;
    for (double part : {0x1.921fb6p+0, -0x1.777a5cp-25, -0x1.ee59dap-50})
      rest = fused(quarter.real, number(x, -part), rest);
    Value* square = ir.CreateFMul(rest, rest);
    Value* odd = polynomial(square, {-0.000195172994, 0.008332178, -0.166666552});
    odd = fused(ir.CreateFMul(odd, square), rest, rest);
    Value* even = polynomial(square, {2.44384519e-05, -0.00138873677, 0.0416666456, -0.5, 1});
    Value* turn = quarter.integer;
    if (cosine) turn = ir.CreateAdd(turn, emitter.like(turn, 1));
    Value* swaps = ir.CreateICmpNE(ir.CreateAnd(turn, emitter.like(turn, 1)), emitter.like(turn, 0));
    Value* sign = ir.CreateShl(ir.CreateAnd(turn, emitter.like(turn, 2)), emitter.like(turn, 30));
    Value* result = real(ir.CreateXor(bits(ir.CreateSelect(swaps, even, odd)), sign));
    Value* beyond = ir.CreateFCmpOGT(magnitude(result), number(x, 1));
    return ir.CreateSelect(beyond, number(x, 1), result);
  }

  Value* hyperbolic_tangent(Value* x) {
    Value* size = magnitude(x);
    Value* power = exponential(ir.CreateFMul(size, number(x, 2 * std::numbers::log2e)));
    Value* far = ir.CreateFDiv(number(x, 2), ir.CreateFAdd(power, number(x, 1)));
    far = ir.CreateFSub(number(x, 1), far);
    Value* square = ir.CreateFMul(size, size);
    Value* near = polynomial(square, {-0.0414589792, 0.130899981, -0.333194762});
    near = fused(ir.CreateFMul(near, square), size, size);
    Value* result = ir.CreateSelect(ir.CreateFCmpOLT(size, number(x, 0.6)), near, far);
    return ir.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
  }
};

}  // namespace

Value* approximated(Emitter& emitter, Opcode opcode, Value* value) {
  if (!value->getType()->getScalarType()->isFloatTy()) return nullptr;
  Approximation approximation{emitter};
  switch (opcode) {
    case Opcode::ex2: return approximation.exponential(value);
    case Opcode::lg2: return approximation.logarithm(value);
    case Opcode::sin: return approximation.wave(value, false);
    case Opcode::cos: return approximation.wave(value, true);
    case Opcode::tanh: return approximation.hyperbolic_tangent(value);
    default: return nullptr;
  }
}

}  // namespace software
