// cvt with more than one element in a register, to and from the formats of 8, 6 and 4 bits, and cvt.pack (PTX ISA,
// "cvt", "cvt.pack").
#include <llvm/IR/Intrinsics.h>

#include <optional>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/narrow.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Rounding;
using ptx::Type;

// How elements lie in a register: `count` of them, `spacing` bits apart.
struct Elements {
  NarrowFormat format;
  unsigned count, spacing;
};

std::optional<Elements> elements_of(Type type) {
  constexpr NarrowFormat e4m3{4, 3, false, true}, e5m2{5, 2, true, true}, e2m3{2, 3, false, false},
      e3m2{3, 2, false, false}, e2m1{2, 1, false, false};
  switch (type) {
    case Type::f16x2: return Elements{half_format, 2, 16};
    case Type::bf16x2: return Elements{bfloat_format, 2, 16};
    case Type::e4m3x2: return Elements{e4m3, 2, 8};
    case Type::e5m2x2: return Elements{e5m2, 2, 8};
    case Type::e2m3x2: return Elements{e2m3, 2, 8};
    case Type::e3m2x2: return Elements{e3m2, 2, 8};
    case Type::e2m1x2: return Elements{e2m1, 2, 4};
    case Type::e4m3x4: return Elements{e4m3, 4, 8};
    case Type::e5m2x4: return Elements{e5m2, 4, 8};
    case Type::e2m3x4: return Elements{e2m3, 4, 8};
    case Type::e3m2x4: return Elements{e3m2, 4, 8};
    case Type::e2m1x4: return Elements{e2m1, 4, 4};
    default: return std::nullopt;
  }
}

struct Packed {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type to = modifiers.type, from = modifiers.source_type;
  llvm::IRBuilder<>& ir = emitter.ir;

  Value* shifted(Value* value, uint64_t by) { return ir.CreateShl(value, emitter.like(value, by)); }
  Value* word(const ptx::Operand& operand, Type type) {
    Value* value = emitter.read(operand, type);
    return ir.CreateZExtOrTrunc(value, value->getType()->getWithNewBitWidth(32));
  }
  void all_alike(std::vector<Value*>& values) {
    bool varying = false;
    for (Value* value : values) varying = varying || Emitter::varying(value);
    if (varying)
      for (Value*& value : values) value = emitter.splat(value);
  }

  // The floats that become the elements, the highest element's first.
  std::vector<Value*> floats(unsigned count) {
    std::vector<Value*> values;
    if (auto packed = elements_of(from)) {
      Value* bits = word(instruction.operands.at(1), from);
      for (unsigned i = count; i-- > 0;)
        values.push_back(
            from_bits(emitter, ir.CreateLShr(bits, emitter.like(bits, i * packed->spacing)), packed->format));
      return values;
    }
    if (from != Type::f32) emitter.unsupported(instruction);
    const auto& operands = instruction.operands;
    bool vector = operands.at(1).kind == ptx::Operand::vector;
    for (unsigned i = 0; i < count; ++i)
      values.push_back(emitter.as_float(
          emitter.read(vector ? operands[1].elements.at(i) : operands.at(1 + i), Type::f32), Type::f32));
    return values;
  }

  // Of stochastic rounding: each element has bits of its own out of the last operand's 32.
  NarrowRounding rounding(const Elements& elements, Value* random, unsigned element) {
    NarrowRounding made{modifiers.rounding, modifiers.has("satfinite")};
    if (modifiers.rounding != Rounding::rs) return made;
    unsigned share = 32 / elements.count, lost = 23 - elements.format.fraction_bits;
    made.random_bits = std::min(share, lost);
    Value* bits = ir.CreateLShr(random, emitter.like(random, share * element));
    made.random = ir.CreateAnd(bits, emitter.like(bits, (uint64_t{1} << made.random_bits) - 1));
    return made;
  }

  void to_elements(const Elements& elements) {
    auto values = floats(elements.count);
    Value* random = nullptr;
    if (modifiers.rounding == Rounding::rs) {
      values.push_back(word(instruction.operands.back(), Type::b32));
      all_alike(values);
      random = values.back();
      values.pop_back();
    }
    all_alike(values);
    Value* result = nullptr;
    for (unsigned i = 0; i < elements.count; ++i) {
      unsigned element = elements.count - 1 - i;
      Value* value = modifiers.has("relu") ? relu(emitter, values[i]) : values[i];
      Value* bits = rounded_bits(emitter, value, elements.format, rounding(elements, random, element));
      bits = shifted(bits, element * elements.spacing);
      result = result ? ir.CreateOr(result, bits) : bits;
    }
    emitter.write(instruction.operands[0], result, Type::b32);
  }

  // ue8m0: the exponent of a float alone; up to the next where the number is above 2^-127 and has more to it.
  Value* exponent_of(Value* value) {
    Value* bits = ir.CreateBitCast(value, value->getType()->getWithNewType(ir.getInt32Ty()));
    Value* magnitude = ir.CreateAnd(bits, emitter.like(bits, 0x7fffffff));
    Value* exponent = ir.CreateLShr(magnitude, emitter.like(bits, 23));
    Value* numbers = ir.CreateICmpULE(magnitude, emitter.like(bits, 0x7f800000));
    if (modifiers.rounding == Rounding::rp) {
      Value* more = ir.CreateICmpNE(ir.CreateAnd(magnitude, emitter.like(bits, 0x7fffff)), emitter.like(bits, 0));
      more = ir.CreateAnd(more, ir.CreateAnd(ir.CreateICmpUGT(magnitude, emitter.like(bits, 0x400000)), numbers));
      exponent = ir.CreateAdd(exponent, ir.CreateZExt(more, bits->getType()));
    }
    if (!modifiers.has("satfinite")) return exponent;
    Value* most = ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, exponent, emitter.like(bits, 0xfe));
    return ir.CreateSelect(numbers, most, exponent);
  }
  void to_exponents() {
    auto values = floats(2);
    Value *high = exponent_of(values[0]), *low = exponent_of(values[1]);
    emitter.unify(high, low);
    emitter.write(instruction.operands[0], ir.CreateOr(shifted(high, 8), low), Type::b16);
  }
  void from_exponents() {  // to bf16x2
    Value *bits = word(instruction.operands.at(1), Type::b16), *result = nullptr;
    for (unsigned i = 0; i < 2; ++i) {
      Value* exponent = ir.CreateAnd(ir.CreateLShr(bits, emitter.like(bits, 8 * i)), emitter.like(bits, 0xff));
      Value* value = shifted(exponent, 7);
      value = ir.CreateSelect(ir.CreateICmpEQ(exponent, emitter.like(bits, 0)), emitter.like(bits, 0x40), value);
      value = ir.CreateSelect(ir.CreateICmpEQ(exponent, emitter.like(bits, 0xff)), emitter.like(bits, 0x7fff), value);
      result = result ? ir.CreateOr(result, shifted(value, 16)) : value;
    }
    emitter.write(instruction.operands[0], result, Type::b32);
  }

  void to_tf32() {  // a float of which the lower 13 bits do not count
    if (from != Type::f32) emitter.unsupported(instruction);
    Value* value = emitter.as_float(emitter.read(instruction.operands.at(1), from), from);
    if (modifiers.has("relu")) value = relu(emitter, value);
    Value* bits = rounded_bits(emitter, value, {8, 10, true, true}, {modifiers.rounding, modifiers.has("satfinite")});
    bits = shifted(bits, 13);
    Value* nan = ir.CreateFCmpUNO(value, value);
    emitter.write(instruction.operands[0], ir.CreateSelect(nan, emitter.like(bits, 0x7fffffff), bits), Type::b32);
  }

  // cvt.pack.sat.CONVERT.s32{.b32} d, a, b{, c}: a and b saturated beside each other, c moved up above them.
  void pack_integers() {
    const std::string& name = modifiers.words.at(2);
    bool sign = name[0] == 's';
    auto width = static_cast<unsigned>(std::stoul(name.substr(1)));
    std::vector<Value*> values;
    for (size_t i = 1; i < instruction.operands.size(); ++i)
      values.push_back(emitter.read(instruction.operands[i], Type::b32));
    all_alike(values);
    auto clamped = [&](Value* value) {
      int64_t low = sign ? -(int64_t{1} << (width - 1)) : 0, high = (int64_t{1} << (sign ? width - 1 : width)) - 1;
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value, emitter.like(value, static_cast<uint64_t>(low)));
      value = ir.CreateBinaryIntrinsic(llvm::Intrinsic::smin, value, emitter.like(value, static_cast<uint64_t>(high)));
      return ir.CreateAnd(value, emitter.like(value, (uint64_t{1} << width) - 1));
    };
    Value* result = ir.CreateOr(shifted(clamped(values.at(0)), width), clamped(values.at(1)));
    if (values.size() > 2) result = ir.CreateOr(result, shifted(values[2], 2 * width));
    emitter.write(instruction.operands[0], result, Type::b32);
  }
};

}  // namespace

bool emit_convert_packed(Emitter& emitter, const ptx::Instruction& instruction) {
  Packed packed{emitter, instruction};
  if (packed.modifiers.has("pack")) return packed.pack_integers(), true;
  if (packed.to == Type::tf32) return packed.to_tf32(), true;
  if (packed.to == Type::ue8m0x2) return packed.to_exponents(), true;
  if (packed.from == Type::ue8m0x2) return packed.from_exponents(), true;
  if (auto elements = elements_of(packed.to)) return packed.to_elements(*elements), true;
  return false;
}

}  // namespace software
