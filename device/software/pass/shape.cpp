// The rules of linear values. Arithmetic is modulo 2^64 (or 2^32), as the registers' is; only widening needs care.
#include "device/software/pass/shape.h"

#include <algorithm>
#include <cstdlib>

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::Special;
using ptx::Type;

Shape linear(int64_t stride, int64_t correction, unsigned alignment, Grouping grouping) {
  // One base for the whole warp, and nothing that depends on the column.
  if (stride == 0 && correction == 0 && grouping.rows() == 1) return uniform_shape;
  return {Shape::linear, stride, correction, alignment};
}

Shape sum(const Shape& a, const Shape& b, bool subtract, Grouping grouping) {
  if (a.correction && b.correction) return varying_shape;
  auto sign = [&](int64_t value) { return subtract ? static_cast<int64_t>(0 - static_cast<uint64_t>(value)) : value; };
  return linear(a.stride + sign(b.stride), a.correction + sign(b.correction), std::min(a.alignment, b.alignment),
                grouping);
}

bool row_uniform(const Shape& shape) { return shape.stride == 0 && shape.correction == 0; }

// `factor`: what the other operand is when it is a constant, extended to 64 bits as the instruction does.
Shape times(const Shape& a, const Shape& b, const int64_t* factor, Grouping grouping) {
  if (factor) {
    auto product = [&](int64_t value) {
      return static_cast<int64_t>(static_cast<uint64_t>(value) * static_cast<uint64_t>(*factor));
    };
    return linear(product(a.stride), product(a.correction), 1, grouping);
  }
  return row_uniform(a) && row_uniform(b) ? linear(0, 0, 1, grouping) : varying_shape;
}

// A 32-bit value that becomes a 64-bit one wraps at most once within a row, if the stride is not huge.
Shape widened(const Shape& a, Grouping grouping) {
  auto stride = static_cast<int64_t>(static_cast<int32_t>(a.stride));
  if (std::llabs(stride) * (grouping.columns - 1) >= int64_t{1} << 31) return varying_shape;
  return linear(stride, stride > 0 ? -(int64_t{1} << 32) : stride < 0 ? int64_t{1} << 32 : 0, a.alignment, grouping);
}

Shape narrowed(Shape shape, Grouping grouping) {
  return linear(static_cast<int32_t>(shape.stride), 0, shape.alignment, grouping);
}

bool is_word(Type type) {
  return (ptx::bits(type) == 32 || ptx::bits(type) == 64) && !ptx::is_float(type) && type != Type::u16x2 &&
         type != Type::s16x2;
}

// and, or, xor and shifts keep a row's lanes equal; what they do to a counting row is known where it starts aligned.
Shape bitwise(const Instruction& instruction, const Shape& a, const Shape& b, Grouping grouping) {
  if (row_uniform(a) && row_uniform(b)) return linear(0, 0, 1, grouping);
  const Operand& by = instruction.operands[2];
  bool counting = a.stride == 1 && a.correction == 0 && a.alignment >= grouping.columns;
  if (by.kind != Operand::integer || !counting) return varying_shape;
  auto value = static_cast<uint64_t>(by.value);
  if (instruction.opcode == Opcode::shr && value < 64 && (uint64_t{1} << value) >= grouping.columns)
    return linear(0, 0, 1, grouping);
  uint64_t cleared = ptx::bits(instruction.modifiers.type) == 32 ? static_cast<uint32_t>(~value) : ~value;
  bool high_bits = (cleared & (cleared + 1)) == 0 && cleared >= grouping.columns - 1;
  if (instruction.opcode == Opcode::and_ && high_bits) return linear(0, 0, 1, grouping);
  bool low_bits = (value & (value + 1)) == 0 && value >= grouping.columns - 1;
  if (instruction.opcode == Opcode::and_ && low_bits) return linear(1, 0, a.alignment, grouping);
  return varying_shape;
}

Shape rule(const Instruction& instruction, const Shape* sources, Grouping grouping) {
  const auto& modifiers = instruction.modifiers;
  bool wide = modifiers.width == ptx::Width::wide;
  switch (instruction.opcode) {
    case Opcode::mov: return sources[0];
    case Opcode::cvta: return modifiers.space == ptx::Space::shared ? varying_shape : sources[0];
    case Opcode::add: return sum(sources[0], sources[1], false, grouping);
    case Opcode::sub: return sum(sources[0], sources[1], true, grouping);
    case Opcode::mul:
    case Opcode::mad: {
      if (modifiers.width != ptx::Width::lo && !wide) return varying_shape;
      Shape a = sources[0], b = sources[1];
      const Operand* by = &instruction.operands[2];
      if (instruction.operands[1].kind == Operand::integer) std::swap(a, b), by = &instruction.operands[1];
      if (wide) {
        if (a.kind == Shape::linear) a = widened(a, grouping);
        if (a.kind == Shape::varying) return a;
      }
      int64_t factor = by->value;
      if (wide) factor = ptx::is_signed(modifiers.type) ? static_cast<int32_t>(factor) : static_cast<uint32_t>(factor);
      Shape product = times(a, b, by->kind == Operand::integer ? &factor : nullptr, grouping);
      if (instruction.opcode == Opcode::mul || product.kind == Shape::varying) return product;
      return sum(product, sources[2], false, grouping);
    }
    case Opcode::shl: {
      const Operand& by = instruction.operands[2];
      if (by.kind != Operand::integer)
        return row_uniform(sources[0]) && row_uniform(sources[1]) ? linear(0, 0, 1, grouping) : varying_shape;
      if (by.value < 0 || by.value >= static_cast<int64_t>(ptx::bits(modifiers.type))) return varying_shape;
      auto factor = static_cast<int64_t>(uint64_t{1} << by.value);
      return times(sources[0], uniform_shape, &factor, grouping);
    }
    case Opcode::shr:
    case Opcode::and_:
    case Opcode::or_:
    case Opcode::xor_: return bitwise(instruction, sources[0], sources[1], grouping);
    case Opcode::cvt: {
      unsigned to = ptx::bits(modifiers.type), from = ptx::bits(modifiers.source_type);
      if (!is_word(modifiers.source_type)) return varying_shape;
      if (to == from) return sources[0];
      return to == 64 ? widened(sources[0], grouping) : sources[0];
    }
    default: return varying_shape;
  }
}

}  // namespace

Shape join(const Shape& a, const Shape& b) {
  if (a.kind == Shape::unknown) return b;
  if (b.kind == Shape::unknown) return a;
  if (a.kind == Shape::varying || b.kind == Shape::varying) return varying_shape;
  if (a.kind == Shape::uniform && b.kind == Shape::uniform) return uniform_shape;
  bool corrections_fit = a.correction == b.correction || a.correction == 0 || b.correction == 0;
  if (a.stride != b.stride || !corrections_fit) return varying_shape;
  return {Shape::linear, a.stride, a.correction ? a.correction : b.correction, std::min(a.alignment, b.alignment)};
}

Shape shape_of(Special special, Grouping grouping) {
  switch (special) {
    case Special::tid_x: return grouping.threads ? Shape{Shape::linear, 1, 0, grouping.columns} : varying_shape;
    case Special::tid_y:
    case Special::tid_z:
      if (!grouping.threads) return varying_shape;
      return linear(0, 0, 1, grouping);
    case Special::laneid: return grouping.rows() == 1 ? Shape{Shape::linear, 1, 0, 32} : varying_shape;
    case Special::lanemask_eq:
    case Special::lanemask_le:
    case Special::lanemask_lt:
    case Special::lanemask_ge:
    case Special::lanemask_gt: return varying_shape;
    default: return uniform_shape;
  }
}

Shape linear_result(const Instruction& instruction, const Shape* sources, Grouping grouping) {
  const auto& modifiers = instruction.modifiers;
  if (modifiers.cc || modifiers.sat || !is_word(modifiers.type)) return varying_shape;
  for (const Operand& operand : instruction.operands)
    if (operand.kind == Operand::vector) return varying_shape;
  Shape result = rule(instruction, sources, grouping);
  bool wide = modifiers.width == ptx::Width::wide;
  if (result.kind == Shape::linear && ptx::bits(modifiers.type) == 32 && !wide) result = narrowed(result, grouping);
  return result;
}

}  // namespace software
