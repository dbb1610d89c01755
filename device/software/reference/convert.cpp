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
    if (type == Type::tf32) return to_tf32(value);
    Format format = format_of(type);
    uint64_t bits = to_format(value, format, whole_number ? Rounding::rn : modifiers.rounding);
    return flushes(type) ? flushed(bits, format) : bits;
  }
  uint64_t to_format(Number value, Format format, Rounding rounding, Random random = {}) const {
    if (modifiers.has("relu") && value.kind != Number::nan && value.negative) value = {};
    uint64_t bits = encode(value, format, rounding, random), sign = uint64_t{1} << (format.width() - 1);
    if (value.kind == Number::nan) return format.nans ? bits : sign - 1;
    uint64_t infinity = encode({Number::infinite, false, 0, 0}, format);
    bool lower = modifiers.has("satfinite") && format.infinities && (bits & (sign - 1)) == infinity;
    return lower ? bits - 1 : bits;
  }
  // tf32 is a float of which the lower 13 bits do not count (PTX ISA, "Alternate Floating-Point Data Formats").
  uint64_t to_tf32(const Number& value) const {
    if (value.kind == Number::nan) return canonical_nan({8, 23});
    return to_format(value, {8, 10}, modifiers.rounding) << 13;
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

  // Types of two or four elements; how many bits apart they lie.
  static unsigned count_of(Type type) {
    switch (type) {
      case Type::f16x2:
      case Type::bf16x2:
      case Type::e4m3x2:
      case Type::e5m2x2:
      case Type::e2m3x2:
      case Type::e3m2x2:
      case Type::e2m1x2:
      case Type::ue8m0x2: return 2;
      case Type::e4m3x4:
      case Type::e5m2x4:
      case Type::e2m3x4:
      case Type::e3m2x4:
      case Type::e2m1x4: return 4;
      default: return 1;
    }
  }
  static unsigned spacing_of(Type type) { return ptx::bits(type) / count_of(type); }

  // cvt.rn.f16x2.f32 d, a, b: a becomes the upper half.
  Number element_in(unsigned i) const {
    unsigned count = count_of(to);
    if (count_of(from) == 1) {
      const auto& operand = instruction.operands.at(1);
      bool vector = operand.kind == ptx::Operand::vector;
      const auto& chosen = vector ? operand.elements.at(count - 1 - i) : instruction.operands.at(count - i);
      return real(thread.read(chosen, Type::f32), Type::f32);
    }
    uint64_t bits = thread.read(instruction.operands.at(1), Type::b32) >> i * spacing_of(from);
    if (from == Type::ue8m0x2) return power(bits & 255);
    Format format = format_of(from);
    return decode(cut(bits, static_cast<unsigned>(format.width())), format);
  }
  uint64_t element_out(Number value, unsigned i) const {
    if (to == Type::ue8m0x2) return exponent_of(value);
    Format format = format_of(to);
    unsigned share = 32 / count_of(to);
    Random random;
    if (modifiers.rounding == Rounding::rs) {
      random.bits = std::min(share, static_cast<unsigned>(23 - format.fraction_bits));
      random.value = cut(thread.read(instruction.operands.back(), Type::b32) >> share * i, random.bits);
    }
    return to_format(value, format, modifiers.rounding, random);
  }
  void pack() const {
    uint64_t all = 0;
    for (unsigned i = 0; i < count_of(to); ++i) all |= element_out(element_in(i), i) << i * spacing_of(to);
    thread.write(instruction.operands[0], all, ptx::bits(to) <= 16 ? Type::b16 : Type::b32);
  }

  // ue8m0: 2^(code - 127), and NaN. From a number: its exponent, or (rp) the next one where the number is above it;
  // what is not above 2^-127 has code 0.
  static Number power(uint64_t code) {
    Number number;
    number.kind = code == 255 ? Number::nan : Number::finite;
    number.significand = 1;
    number.exponent = static_cast<int>(code) - 127;
    return number;
  }
  uint64_t exponent_of(const Number& value) const {
    if (value.kind == Number::nan) return 255;
    uint64_t most = modifiers.has("satfinite") ? 254 : 255;
    if (value.kind == Number::infinite) return most;
    if (value.kind == Number::zero) return 0;
    Natural significand = value.significand;
    int exponent = value.exponent;
    while (significand % 2 == 0) significand /= 2, ++exponent;
    bool more = significand != 1;
    while (significand > 1) significand /= 2, ++exponent;
    bool up = more && modifiers.rounding == Rounding::rp;
    return static_cast<uint64_t>(std::clamp(exponent + 127 + (up ? 1 : 0), 0, static_cast<int>(most)));
  }

  // cvt.pack.sat.CONVERT.s32.b32 d, a, b, c: a and b saturated beside each other, c's lower part moved up above them.
  void pack_integers() const {
    const std::string& name = modifiers.words.at(2);  // of four- and two-bit integers, too
    bool sign = name[0] == 's';
    auto width = static_cast<unsigned>(std::stoul(name.substr(1)));
    Wide low = sign ? -(Wide{1} << (width - 1)) : 0, high = (Wide{1} << (sign ? width - 1 : width)) - 1;
    auto clamp = [&](size_t i) {
      Wide value = thread.read_signed(instruction.operands.at(i), Type::s32);
      return cut(static_cast<uint64_t>(std::clamp(value, low, high)), width);
    };
    uint64_t value = clamp(1) << width | clamp(2);
    if (instruction.operands.size() > 3) value |= thread.read(instruction.operands[3], Type::b32) << 2 * width;
    thread.write(instruction.operands[0], value, Type::b32);
  }

  void run() const {
    if (modifiers.has("pack")) return pack_integers();
    if (count_of(to) > 1) return pack();
    if (modifiers.types.size() != 2) unsupported(instruction);
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
