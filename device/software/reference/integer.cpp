// Integer arithmetic (PTX ISA, "Integer Arithmetic Instructions" and "Extended-Precision Integer Arithmetic").
#include <algorithm>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;
using ptx::Width;
using Wide = __int128;  // holds every product of two 64-bit integers

struct Integer {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  unsigned width = width_of(type);

  // The i-th operand as a number.
  Wide number(size_t i) const {
    const auto& operand = instruction.operands.at(i);
    if (ptx::is_signed(type)) return thread.read_signed(operand, type);
    return static_cast<Wide>(thread.read(operand, type));
  }
  Wide smallest() const { return ptx::is_signed(type) ? -(Wide{1} << (width - 1)) : 0; }
  Wide largest() const { return (Wide{1} << (ptx::is_signed(type) ? width - 1 : width)) - 1; }
  void result(Wide value) const { thread.write(instruction.operands[0], static_cast<uint64_t>(value), type); }
  void result_clamped(Wide value) const { result(modifiers.sat ? std::clamp(value, smallest(), largest()) : value); }

  // .cc: the carry out of the sum of bit patterns, or the borrow of a difference.
  void with_carry(uint64_t a, uint64_t b, bool subtract, bool carry_in) const {
    Wide full = subtract ? Wide{a} - Wide{b} - carry_in : Wide{a} + Wide{b} + carry_in;
    result(full);
    if (modifiers.cc) thread.carry = subtract ? full < 0 : (full >> width) != 0;
  }
  void sum(bool subtract, bool carry_in) const {
    uint64_t a = thread.read(instruction.operands[1], type), b = thread.read(instruction.operands[2], type);
    if (modifiers.cc || carry_in) return with_carry(a, b, subtract, carry_in);
    result_clamped(subtract ? number(1) - number(2) : number(1) + number(2));
  }

  // mul.lo, mul.hi and mul.wide, and the type that the result has.
  Wide product() const {
    Wide full = number(1) * number(2);
    return modifiers.width == Width::hi ? full >> width : full;
  }
  Type result_type() const {
    if (modifiers.width != Width::wide) return type;
    if (width == 16) return ptx::is_signed(type) ? Type::s32 : Type::u32;
    return ptx::is_signed(type) ? Type::s64 : Type::u64;
  }
  void multiply() const { thread.write(instruction.operands[0], static_cast<uint64_t>(product()), result_type()); }
  void multiply_add() const {
    bool with = instruction.opcode == Opcode::madc;
    auto p = static_cast<uint64_t>(product());
    uint64_t c = thread.read(instruction.operands[3], result_type());
    if (with || modifiers.cc) return with_carry(cut(p, width), c, false, with && thread.carry);
    if (modifiers.sat) return result_clamped(sign_extended(p, width) + Wide{sign_extended(c, width)});  // .hi.s32
    thread.write(instruction.operands[0], p + c, result_type());
  }

  // mul24, mad24: of the lowest 24 bits; .hi gives bits 16 to 47 of the product.
  void multiply24() const {
    auto low = [&](size_t i) {
      uint64_t bits = cut(thread.read(instruction.operands[i], type), 24);
      return ptx::is_signed(type) ? sign_extended(bits, 24) : static_cast<int64_t>(bits);
    };
    int64_t p = low(1) * low(2);
    if (modifiers.width == Width::hi) p >>= 16;
    Wide value = static_cast<int32_t>(p);
    if (!ptx::is_signed(type)) value = static_cast<uint32_t>(p);
    if (instruction.opcode == Opcode::mad24) return result_clamped(value + number(3));
    result(value);
  }

  // Division by zero yields an unspecified value (PTX ISA, "div"): here all ones, and the dividend as remainder.
  void divide() const {
    Wide a = number(1), b = number(2);
    if (instruction.opcode == Opcode::div) return result(b == 0 ? -1 : a / b);
    result(b == 0 ? a : a % b);
  }

  void smaller_or_larger() const {
    Wide a = number(1), b = number(2);
    Wide value = instruction.opcode == Opcode::min ? std::min(a, b) : std::max(a, b);
    result(modifiers.has("relu") ? std::max<Wide>(value, 0) : value);
  }

  // add, min and max of two 16-bit integers in a register.
  void packed() const {
    bool sign = ptx::is_signed(type);
    uint64_t a = thread.read(instruction.operands[1], Type::b32), b = thread.read(instruction.operands[2], Type::b32);
    uint64_t both = 0;
    for (unsigned shift : {0u, 16u}) {
      auto half = [&](uint64_t word) {
        return sign ? sign_extended(word >> shift, 16) : static_cast<int64_t>(cut(word >> shift, 16));
      };
      int64_t x = half(a), y = half(b);
      int64_t value = instruction.opcode == Opcode::add   ? x + y
                      : instruction.opcode == Opcode::min ? std::min(x, y)
                                                          : std::max(x, y);
      if (modifiers.has("relu")) value = std::max<int64_t>(value, 0);
      both |= cut(static_cast<uint64_t>(value), 16) << shift;
    }
    thread.write(instruction.operands[0], both, Type::b32);
  }

  // dp4a: four products of bytes; dp2a: two of 16-bit halves of a and the lower or upper two bytes of b.
  void dot() const {
    bool four = instruction.opcode == Opcode::dp4a;
    unsigned part = four ? 8 : 16, first = modifiers.width == Width::hi ? 2 : 0;
    auto of = [&](size_t operand, unsigned bits, unsigned i, Type kind) {
      uint64_t word = thread.read(instruction.operands[operand], Type::b32) >> i * bits;
      return ptx::is_signed(kind) ? sign_extended(word, bits) : static_cast<int64_t>(cut(word, bits));
    };
    auto sum = static_cast<int64_t>(thread.read(instruction.operands[3], Type::b32));
    for (unsigned i = 0; i < (four ? 4u : 2u); ++i)
      sum += of(1, part, i, modifiers.type) * of(2, 8, four ? i : first + i, modifiers.source_type);
    thread.write(instruction.operands[0], static_cast<uint64_t>(sum), Type::b32);
  }
};

}  // namespace

bool execute_integer(Thread& thread, const ptx::Instruction& instruction) {
  Integer integer{thread, instruction};
  Opcode opcode = instruction.opcode;
  if (opcode == Opcode::dp4a || opcode == Opcode::dp2a) return integer.dot(), true;
  Type type = instruction.modifiers.type;
  if (ptx::is_float(type) || type == Type::pred || type == Type::none) return false;
  if (type == Type::u16x2 || type == Type::s16x2) {
    if (opcode != Opcode::add && opcode != Opcode::min && opcode != Opcode::max) return false;
    return integer.packed(), true;
  }
  switch (opcode) {
    case Opcode::add: integer.sum(false, false); return true;
    case Opcode::sub: integer.sum(true, false); return true;
    case Opcode::addc:
    case Opcode::subc:
      integer.with_carry(thread.read(instruction.operands[1], type), thread.read(instruction.operands[2], type),
                         opcode == Opcode::subc, thread.carry);
      return true;
    case Opcode::mul: integer.multiply(); return true;
    case Opcode::mad:
    case Opcode::madc: integer.multiply_add(); return true;
    case Opcode::mul24:
    case Opcode::mad24: integer.multiply24(); return true;
    case Opcode::div:
    case Opcode::rem: integer.divide(); return true;
    case Opcode::min:
    case Opcode::max: integer.smaller_or_larger(); return true;
    case Opcode::neg: integer.result(-integer.number(1)); return true;
    case Opcode::abs: integer.result(integer.number(1) < 0 ? -integer.number(1) : integer.number(1)); return true;
    case Opcode::sad: {  // c + |a - b|
      Wide difference = integer.number(1) - integer.number(2);
      integer.result((difference < 0 ? -difference : difference) + integer.number(3));
      return true;
    }
    default: return false;
  }
}

}  // namespace reference
