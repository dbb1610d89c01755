// cvt and cvt.pack (PTX ISA, "cvt").
#include <algorithm>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Rounding;
using ptx::Type;
using Wide = __int128;

struct Conversion {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type to = modifiers.type, from = modifiers.source_type;

  bool flushes(Type type) const { return modifiers.ftz && type == Type::f32; }

  static Wide smallest(Type type) { return ptx::is_signed(type) ? -(Wide{1} << (width_of(type) - 1)) : 0; }
  static Wide largest(Type type) { return (Wide{1} << (width_of(type) - (ptx::is_signed(type) ? 1 : 0))) - 1; }

  Number real(uint64_t bits, Type type) const {
    Format format = format_of(type);
    return decode(flushes(type) ? flushed(bits, format) : bits, format);
  }

  // Out of range gives the nearest number of the range; NaN gives 0, or 2^63 for 64-bit results.
  uint64_t to_integer(const Number& value) const {
    if (value.kind == Number::nan) return width_of(to) == 64 ? uint64_t{1} << 63 : 0;
    if (value.kind == Number::infinite) return static_cast<uint64_t>(value.negative ? smallest(to) : largest(to));
    Number rounded = whole(value, modifiers.rounding);
    if (rounded.kind == Number::zero) return 0;
    // Anything beyond 2^70 is out of every range; the significand alone has at most 64 bits.
    bool huge = rounded.exponent > 70;
    Wide magnitude = huge ? Wide{1} << 100 : static_cast<Wide>(rounded.significand << std::min(rounded.exponent, 60));
    if (rounded.exponent > 60) magnitude = Wide{1} << 100;
    Wide number = rounded.negative ? -magnitude : magnitude;
    return static_cast<uint64_t>(std::clamp(number, smallest(to), largest(to)));
  }

  uint64_t to_real(Number value, Type type) const {
    bool whole_number = modifiers.rounding == Rounding::rni || modifiers.rounding == Rounding::rzi ||
                        modifiers.rounding == Rounding::rmi || modifiers.rounding == Rounding::rpi;
    if (whole_number) value = whole(value, modifiers.rounding);
    if (modifiers.sat) {
      Number one = from_integer(1, false);
      if (value.kind == Number::nan || value.negative) value = {};
      if (order(value, one) == Order::greater) value = one;
    }
    if (modifiers.has("relu") && value.kind != Number::nan && value.negative) value = {};
    if (type == Type::tf32) return to_tf32(value);
    Format format = format_of(type);
    if (modifiers.has("satfinite") && value.kind == Number::infinite)
      return encode(value, format, Rounding::rz) - (format.infinities ? 1 : 0);
    Rounding rounding = whole_number ? Rounding::rn : modifiers.rounding;
    uint64_t bits = encode(value, format, rounding);
    uint64_t sign = uint64_t{1} << (format.width() - 1), infinity = encode({Number::infinite, false, 0, 0}, format);
    if (modifiers.has("satfinite") && format.infinities && (bits & (sign - 1)) == infinity) --bits;
    return flushes(type) ? flushed(bits, format) : bits;
  }
  // tf32 is a float of which the lower 13 bits do not count (PTX ISA, "Alternate Floating-Point Data Formats").
  uint64_t to_tf32(const Number& value) const {
    if (value.kind == Number::nan) return canonical_nan({8, 23});
    uint64_t bits = encode(value, {8, 10}, modifiers.rounding) << 13;
    bool overflow = modifiers.has("satfinite") && (bits & 0x7fffffff) == 0x7f800000;
    return overflow ? bits - 0x2000 : bits;
  }

  uint64_t converted(uint64_t bits, Type target) const {
    if (ptx::is_float(from)) {
      Number value = real(bits, from);
      return ptx::is_float(target) ? to_real(value, target) : to_integer(value);
    }
    int64_t number = sign_extended(bits, width_of(from));
    if (!ptx::is_signed(from)) number = static_cast<int64_t>(cut(bits, width_of(from)));
    if (ptx::is_float(target))
      return to_real(from_integer(static_cast<uint64_t>(number), ptx::is_signed(from)), target);
    if (!modifiers.sat) return static_cast<uint64_t>(number);
    Wide wide = ptx::is_signed(from) ? Wide{number} : Wide{static_cast<uint64_t>(number)};
    return static_cast<uint64_t>(std::clamp(wide, smallest(target), largest(target)));
  }

  // cvt.rn.f16x2.f32 d, a, b: a becomes the upper half.
  void pack() const {
    Type element = to == Type::e4m3x2 ? Type::e4m3 : to == Type::e5m2x2 ? Type::e5m2 : element_of(to);
    auto width = static_cast<unsigned>(format_of(element).width());
    uint64_t high, low;
    if (from == Type::f32) {
      high = thread.read(instruction.operands.at(1), Type::f32),
      low = thread.read(instruction.operands.at(2), Type::f32);
      high = converted(high, element), low = converted(low, element);
    } else {  // e4m3x2 from f16x2, f16x2 from e4m3x2
      return repack(element, width);
    }
    thread.write(instruction.operands[0], high << width | low, width == 8 ? Type::b16 : Type::b32);
  }
  void repack(Type element, unsigned width) const {
    Type half = from == Type::e4m3x2 ? Type::e4m3 : from == Type::e5m2x2 ? Type::e5m2 : element_of(from);
    if (half == from) unsupported(instruction);
    auto source_width = static_cast<unsigned>(format_of(half).width());
    uint64_t bits = thread.read(instruction.operands.at(1), source_width == 8 ? Type::b16 : Type::b32), value = 0;
    for (unsigned i : {0u, 1u})
      value |= to_real(decode(cut(bits >> i * source_width, source_width), format_of(half)), element) << i * width;
    thread.write(instruction.operands[0], value, width == 8 ? Type::b16 : Type::b32);
  }

  // cvt.pack.sat.CONVERT.s32.b32 d, a, b, c: a and b saturated beside each other, c's lower part moved up above them.
  void pack_integers() const {
    unsigned width = width_of(to);
    auto clamp = [&](size_t i) {
      Wide value = thread.read_signed(instruction.operands.at(i), Type::s32);
      return cut(static_cast<uint64_t>(std::clamp(value, smallest(to), largest(to))), width);
    };
    uint64_t value = clamp(1) << width | clamp(2);
    if (instruction.operands.size() > 3) value |= thread.read(instruction.operands[3], Type::b32) << 2 * width;
    thread.write(instruction.operands[0], value, Type::b32);
  }

  void run() const {
    if (modifiers.has("pack")) return pack_integers();
    if (to == Type::f16x2 || to == Type::bf16x2 || to == Type::e4m3x2 || to == Type::e5m2x2) return pack();
    if (modifiers.types.size() != 2 || modifiers.rounding == Rounding::rs) unsupported(instruction);
    uint64_t value = converted(thread.read(instruction.operands[1], from), to);
    thread.write(instruction.operands[0], value, to == Type::tf32 ? Type::b32 : to);
  }
};

}  // namespace

bool execute_convert(Thread& thread, const ptx::Instruction& instruction) {
  if (instruction.opcode != ptx::Opcode::cvt) return false;
  Conversion{thread, instruction}.run();
  return true;
}

}  // namespace reference
