// Floating-point arithmetic (PTX ISA, "Floating-Point Instructions", "Half Precision Floating-Point Instructions").
// Exact operations round once (number.h). Where the ISA allows an error (.approx), the result here is the host's
// double-precision one, rounded: any implementation is within the ISA's bound of it.
#include <bit>
#include <cmath>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;

struct Float {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type, element = element_of(type);
  Format format = format_of(element);
  ptx::Rounding rounding = modifiers.rounding == ptx::Rounding::none ? ptx::Rounding::rn : modifiers.rounding;

  bool flushes() const { return modifiers.ftz && element != Type::f64; }
  Number number(uint64_t bits) const { return decode(flushes() ? flushed(bits, format) : bits, format); }

  uint64_t finished(Number value) const {
    if (modifiers.sat) value = clamped(value);
    if (modifiers.has("relu") && value.kind != Number::nan && value.negative) value = Number{};
    uint64_t bits = encode(value, format, rounding);
    return flushes() ? flushed(bits, format) : bits;
  }
  // .sat: to [0, 1], NaN and -0 become +0.
  static Number clamped(const Number& value) {
    Number one = from_integer(1, false);
    if (value.kind == Number::nan || value.kind == Number::zero || value.negative) return {};
    return order(value, one) == Order::greater ? one : value;
  }

  // .NaN: NaN wins over numbers; otherwise numbers win. -0 is below +0.
  Number smaller_or_larger(const Number& a, const Number& b) const {
    bool smaller = instruction.opcode == Opcode::min;
    if (a.kind == Number::nan) return modifiers.nan ? a : b;
    if (b.kind == Number::nan) return modifiers.nan ? b : a;
    Order relation = order(a, b);
    bool less = relation == Order::less || (relation == Order::equal && a.negative && !b.negative);
    return less == smaller ? a : b;
  }

  static double as_double(const Number& value) { return std::bit_cast<double>(encode(value, {11, 52})); }
  static Number from_double(double value) { return decode(std::bit_cast<uint64_t>(value), {11, 52}); }

  Number approximate(const Number& a) const {
    double x = as_double(a);
    switch (instruction.opcode) {
      case Opcode::rsqrt: return from_double(1 / std::sqrt(x));
      case Opcode::ex2: return from_double(std::exp2(x));
      case Opcode::lg2: return from_double(std::log2(x));
      case Opcode::sin: return from_double(std::sin(x));
      case Opcode::cos: return from_double(std::cos(x));
      default: return from_double(std::tanh(x));
    }
  }

  // One element's result; operands as bits of the element's format.
  uint64_t computed(const uint64_t* in, size_t count) const {
    Number a = number(in[0]), b = count > 1 ? number(in[1]) : Number{}, c = count > 2 ? number(in[2]) : Number{};
    switch (instruction.opcode) {
      case Opcode::add: return finished(sum(a, b, rounding));
      case Opcode::sub: return finished(sum(a, negated(b), rounding));
      case Opcode::mul: return finished(product(a, b));
      case Opcode::mad:
      case Opcode::fma: return finished(sum(product(a, b), c, rounding));
      case Opcode::div: return finished(quotient(a, b));
      case Opcode::rcp: return finished(quotient(from_integer(1, false), a));
      case Opcode::sqrt: return finished(root(a));
      case Opcode::neg: return finished(negated(a));
      case Opcode::abs: return finished(magnitude(a));
      case Opcode::min:
      case Opcode::max: return extreme(a, b, c, count);
      case Opcode::copysign: {  // the sign of a on b; bits alone, NaN stays as it is
        uint64_t sign = uint64_t{1} << (format.width() - 1);
        return (in[0] & sign) | (in[1] & (sign - 1));
      }
      default: return finished(approximate(a));
    }
  }

  uint64_t extreme(Number a, Number b, Number c, size_t count) const {
    bool sign = a.negative != b.negative;
    if (modifiers.xorsign_abs || modifiers.abs) a = magnitude(a), b = magnitude(b), c = magnitude(c);
    Number value = smaller_or_larger(a, b);
    if (count > 2) value = smaller_or_larger(value, c);
    if (modifiers.xorsign_abs && value.kind != Number::nan) value.negative = sign;
    return finished(value);
  }

  // add.f32.f16 and its like: all factors, and the first of two summands, have the second type.
  bool is_mixed(size_t operand) const {
    return modifiers.types.size() == 2 && operand + 1 < instruction.operands.size();
  }
  uint64_t mixed_source(size_t operand) const {
    Type narrow = modifiers.source_type;
    return encode(decode(thread.read(instruction.operands[operand], narrow), format_of(narrow)), format);
  }

  // rcp and rsqrt .approx.ftz.f64: the upper 32 bits of the operand make those of the result.
  void coarse() const {
    constexpr uint64_t upper = 0xffffffff00000000;
    Number a = decode(flushed(thread.read(instruction.operands[1], type) & upper, format), format);
    Number one = from_integer(1, false);
    Number value = instruction.opcode == Opcode::rcp ? quotient(one, a) : quotient(one, root(a));
    thread.write(instruction.operands[0], flushed(encode(value, format) & upper, format), type);
  }

  // .oob: +0 where a factor is the NaN that stands for what lies outside of a tensor.
  bool outside(const uint64_t* in) const { return modifiers.has("oob") && (in[0] == 0x7ff7 || in[1] == 0x7ff7); }

  void run() const {
    size_t count = instruction.operands.size() - 1;
    unsigned parts = is_packed(type) ? 2 : 1, width = static_cast<unsigned>(format.width());
    uint64_t result = 0;
    for (unsigned part = 0; part < parts; ++part) {
      uint64_t in[3] = {};
      for (size_t i = 0; i < count && i < 3; ++i)
        in[i] = is_mixed(i + 1) ? mixed_source(i + 1)
                                : cut(thread.read(instruction.operands[i + 1], type) >> part * width, width);
      if (!outside(in)) result |= computed(in, count) << part * width;
    }
    thread.write(instruction.operands[0], result, type);
  }

  void test() const {  // testp
    uint64_t bits = thread.read(instruction.operands[1], type);
    Number a = decode(bits, format);
    bool subnormal = a.kind == Number::finite && flushed(bits, format) != bits;
    const std::string& what = modifiers.operation;
    bool truth = what == "finite"       ? a.kind == Number::finite || a.kind == Number::zero
                 : what == "infinite"   ? a.kind == Number::infinite
                 : what == "number"     ? a.kind != Number::nan
                 : what == "notanumber" ? a.kind == Number::nan
                 : what == "normal"     ? a.kind == Number::finite && !subnormal
                                        : subnormal;
    thread.write_predicate(instruction.operands[0], truth);
  }
};

}  // namespace

bool execute_float(Thread& thread, const ptx::Instruction& instruction) {
  if (!ptx::is_float(instruction.modifiers.type)) return false;
  Float floats{thread, instruction};
  const auto& modifiers = instruction.modifiers;
  bool reciprocal = instruction.opcode == Opcode::rcp || instruction.opcode == Opcode::rsqrt;
  if (reciprocal && modifiers.type == Type::f64 && modifiers.approx && modifiers.ftz) return floats.coarse(), true;
  switch (instruction.opcode) {
    case Opcode::testp: floats.test(); return true;
    case Opcode::add:
    case Opcode::sub:
    case Opcode::mul:
    case Opcode::mad:
    case Opcode::fma:
    case Opcode::div:
    case Opcode::rcp:
    case Opcode::sqrt:
    case Opcode::rsqrt:
    case Opcode::neg:
    case Opcode::abs:
    case Opcode::min:
    case Opcode::max:
    case Opcode::copysign:
    case Opcode::ex2:
    case Opcode::lg2:
    case Opcode::sin:
    case Opcode::cos:
    case Opcode::tanh: floats.run(); return true;
    default: return false;
  }
}

}  // namespace reference
