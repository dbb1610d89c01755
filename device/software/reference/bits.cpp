// Logic, shifts and bit fields (PTX ISA, "Logic and Shift Instructions"; popc, clz, bfe and kin from "Integer
// Arithmetic Instructions"). Bit by bit, as the manual's own pseudo-code.
#include <algorithm>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;

struct Bits {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  unsigned width = width_of(type);

  uint64_t source(size_t i) const { return thread.read(instruction.operands.at(i), type); }
  uint32_t word(size_t i) const { return static_cast<uint32_t>(thread.read(instruction.operands.at(i), Type::b32)); }
  void result(uint64_t value) const { thread.write(instruction.operands[0], value, type); }
  void word_result(uint64_t value) const { thread.write(instruction.operands[0], value, Type::u32); }
  static bool bit(uint64_t value, unsigned i) { return value >> i & 1; }

  void shift() const {  // amounts beyond the width count as the width
    uint32_t by = word(2);
    if (instruction.opcode == Opcode::shl) return result(by >= width ? 0 : source(1) << by);
    if (!ptx::is_signed(type)) return result(by >= width ? 0 : source(1) >> by);
    int64_t value = sign_extended(source(1), width);
    result(static_cast<uint64_t>(value >> std::min(by, width - 1)));
  }

  void funnel() const {
    uint64_t both = uint64_t{word(2)} << 32 | word(1);
    uint32_t by = modifiers.has("clamp") ? std::min(word(3), 32u) : word(3) & 31;
    word_result(modifiers.has("l") ? both << by >> 32 : both >> by);
  }

  unsigned leading_zeros(uint64_t value) const {
    unsigned zeros = 0;
    while (zeros < width && !bit(value, width - 1 - zeros)) ++zeros;
    return zeros;
  }
  void count_ones() const {
    unsigned count = 0;
    for (unsigned i = 0; i < width; ++i) count += bit(source(1), i);
    word_result(count);
  }
  void reverse() const {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      if (bit(source(1), i)) value |= uint64_t{1} << (width - 1 - i);
    result(value);
  }
  void find_leading() const {  // of a negative number: the first bit that is not its sign
    uint64_t a = source(1);
    if (ptx::is_signed(type) && bit(a, width - 1)) a = cut(~a, width);
    if (a == 0) return word_result(~uint32_t{0});
    unsigned zeros = leading_zeros(a);
    word_result(modifiers.has("shiftamt") ? zeros : width - 1 - zeros);
  }

  void extract() const {
    uint64_t a = source(1), value = 0;
    unsigned start = word(2) & 255, length = word(3) & 255;
    unsigned top = std::min(start + length - 1, width - 1);
    bool sign = ptx::is_signed(type) && length != 0 && bit(a, top);
    for (unsigned i = 0; i < width; ++i) {
      bool inside = i < length && start + i < width;
      if (inside ? bit(a, start + i) : sign) value |= uint64_t{1} << i;
    }
    result(value);
  }
  void insert() const {
    uint64_t field = source(1), value = source(2);
    unsigned start = word(3) & 255, length = word(4) & 255;
    for (unsigned i = 0; i < length && start + i < width; ++i) {
      uint64_t place = uint64_t{1} << (start + i);
      value = bit(field, i) ? value | place : value & ~place;
    }
    result(value);
  }
  void make_mask() const {  // bmsk
    uint64_t start = word(1), length = word(2), value = 0;
    if (modifiers.has("wrap")) start &= 31, length &= 31;
    for (uint64_t i = start; i < start + length && i < 32; ++i) value |= uint64_t{1} << i;
    word_result(value);
  }
  void extend() const {  // szext: keeps `length` bits of a, the rest zeros or the sign
    uint32_t a = word(1), length = word(2);
    if (modifiers.has("wrap")) length &= 31;
    if (length >= 32) return result(a);
    bool sign = ptx::is_signed(type) && length != 0 && bit(a, length - 1);
    result(cut(a, length) | (sign ? ones(32) & ~ones(length) : 0));
  }

  void look_up() const {  // lop3: the immediate is the truth table, (a, b, c) counts its rows
    size_t at = instruction.destinations;
    uint64_t a = source(at), b = source(at + 1), c = source(at + 2), value = 0;
    auto table = static_cast<uint64_t>(instruction.operands.at(at + 3).value);
    for (unsigned i = 0; i < width; ++i)
      if (bit(table, bit(a, i) * 4u + bit(b, i) * 2u + bit(c, i))) value |= uint64_t{1} << i;
    if (at > 1) {  // lop3.and d|p ..., q
      bool with = thread.read_predicate(instruction.operands.at(6));
      bool both = modifiers.boolean == ptx::Boolean::and_;
      thread.write_predicate(instruction.operands[1], both ? value != 0 && with : value != 0 || with);
    }
    result(value);
  }

  // PTX ISA, "prmt": bytes 0 to 3 are a's, 4 to 7 are b's.
  uint32_t byte_choice(unsigned i, uint32_t selector) const {
    uint32_t s = selector & 3;
    if (modifiers.has("f4e")) return s + i;
    if (modifiers.has("b4e")) return (s + 8 - i) & 7;
    if (modifiers.has("rc8")) return s;
    if (modifiers.has("ecl")) return std::max(i, s);
    if (modifiers.has("ecr")) return std::min(i, s);
    if (modifiers.has("rc16")) return (s & 1) * 2 + (i & 1);
    return selector >> 4 * i & 15;  // the highest bit asks for the byte's sign
  }
  void permute() const {
    uint64_t both = uint64_t{word(2)} << 32 | word(1), value = 0;
    for (unsigned i = 0; i < 4; ++i) {
      uint32_t choice = byte_choice(i, word(3));
      uint64_t byte = both >> 8 * (choice & 7) & 255;
      if (choice & 8) byte = bit(byte, 7) ? 255 : 0;
      value |= byte << 8 * i;
    }
    word_result(value);
  }

  void find_nth() const {  // fns: PTX ISA's own loop
    uint32_t mask = word(1), base = word(2), found = ~uint32_t{0};
    auto offset = static_cast<int32_t>(word(3));
    auto set = [&](int64_t i) { return i >= 0 && i < 32 && bit(mask, static_cast<unsigned>(i)); };
    int64_t at = base;
    if (offset == 0) {
      if (set(at)) found = base;
    } else {
      int64_t step = offset > 0 ? 1 : -1, left = offset > 0 ? offset - 1 : -int64_t{offset} - 1;
      for (; at >= 0 && at < 32; at += step) {
        if (!set(at)) continue;
        if (left-- == 0) {
          found = static_cast<uint32_t>(at);
          break;
        }
      }
    }
    word_result(found);
  }
};

}  // namespace

bool execute_bits(Thread& thread, const ptx::Instruction& instruction) {
  Bits bits{thread, instruction};
  switch (instruction.opcode) {
    case Opcode::and_: bits.result(bits.source(1) & bits.source(2)); return true;
    case Opcode::or_: bits.result(bits.source(1) | bits.source(2)); return true;
    case Opcode::xor_: bits.result(bits.source(1) ^ bits.source(2)); return true;
    case Opcode::not_: bits.result(~bits.source(1)); return true;
    case Opcode::cnot: bits.result(bits.source(1) == 0); return true;
    case Opcode::shl:
    case Opcode::shr: bits.shift(); return true;
    case Opcode::shf: bits.funnel(); return true;
    case Opcode::popc: bits.count_ones(); return true;
    case Opcode::clz: bits.word_result(bits.leading_zeros(bits.source(1))); return true;
    case Opcode::brev: bits.reverse(); return true;
    case Opcode::bfind: bits.find_leading(); return true;
    case Opcode::bfe: bits.extract(); return true;
    case Opcode::bfi: bits.insert(); return true;
    case Opcode::bmsk: bits.make_mask(); return true;
    case Opcode::szext: bits.extend(); return true;
    case Opcode::lop3: bits.look_up(); return true;
    case Opcode::prmt: bits.permute(); return true;
    case Opcode::fns: bits.find_nth(); return true;
    default: return false;
  }
}

}  // namespace reference
