// Video instructions (PTX ISA, "Video Instructions"), after the manual's pseudo-code.
#include <algorithm>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Compare;
using ptx::Opcode;
using ptx::Selector;
using ptx::Type;
using Wide = __int128;

struct Video {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  std::string name = ptx::word(instruction.opcode);
  bool compares = name.starts_with("vset");
  bool is_signed = !compares && ptx::is_signed(modifiers.type);  // of the result
  Selector chosen = instruction.operands.at(0).selector;

  bool source_signed(size_t operand) const { return ptx::is_signed(modifiers.types.at(operand - (compares ? 1 : 0))); }
  uint64_t word(size_t operand) const {
    if (operand >= instruction.operands.size()) return 0;
    ptx::Operand plain = instruction.operands[operand];
    plain.negated = false;
    return thread.read(plain, Type::b32);
  }
  static Wide part(uint64_t word, unsigned width, unsigned place, bool sign) {
    uint64_t bits = cut(word >> width * place, width);
    return sign ? Wide{sign_extended(bits, width)} : Wide{bits};
  }
  static Wide clamped(Wide value, unsigned width, bool sign) {
    Wide low = sign ? -(Wide{1} << (width - 1)) : 0, high = (Wide{1} << (sign ? width - 1 : width)) - 1;
    return std::clamp(value, low, high);
  }

  bool holds(Wide a, Wide b) const {
    switch (modifiers.compare) {
      case Compare::eq: return a == b;
      case Compare::ne: return a != b;
      case Compare::lt: return a < b;
      case Compare::le: return a <= b;
      case Compare::gt: return a > b;
      default: return a >= b;
    }
  }
  Wide combined(Wide a, Wide b) const {
    if (name.starts_with("vadd")) return a + b;
    if (name.starts_with("vsub")) return a - b;
    if (name.starts_with("vabsdiff")) return a < b ? b - a : a - b;
    if (name.starts_with("vmin")) return std::min(a, b);
    if (name.starts_with("vmax")) return std::max(a, b);
    if (name.starts_with("vavrg")) return (a + b >= 0 ? a + b + 1 : a + b) >> 1;
    if (compares) return holds(a, b) ? 1 : 0;
    auto by = static_cast<unsigned>(modifiers.has("wrap") ? b & 31 : std::min<Wide>(b, 32));
    return name == "vshl" ? a * (Wide{1} << by) : a >> by;
  }

  Wide selected(size_t operand) const {
    const Selector& from = instruction.operands[operand].selector;
    bool sign = source_signed(operand);
    return from.width ? part(word(operand), from.width, from.places[0], sign) : part(word(operand), 32, 0, sign);
  }
  static uint64_t merged(uint64_t into, Wide value, unsigned width, unsigned place) {
    uint64_t mask = ones(width) << width * place;
    return (into & ~mask) | (cut(static_cast<uint64_t>(value), width) << width * place);
  }
  uint64_t scalar() const {
    Wide value = combined(selected(1), selected(2)), c = part(word(3), 32, 0, is_signed);
    if (modifiers.sat) value = clamped(value, chosen.width ? chosen.width : 32, is_signed);
    if (modifiers.operation == "add") value += c;
    if (modifiers.operation == "min") value = std::min(value, c);
    if (modifiers.operation == "max") value = std::max(value, c);
    return chosen.width ? merged(word(3), value, chosen.width, chosen.places[0]) : static_cast<uint64_t>(value);
  }

  uint64_t multiply_add() const {
    auto negated = [&](size_t i) { return instruction.operands.at(i).negated; };
    bool product_negated = negated(1) != negated(2);
    bool sign = source_signed(1) || source_signed(2) || product_negated || negated(3);
    uint64_t c = word(3);
    Wide total = selected(1) * selected(2), one = 0;
    if (modifiers.has("po")) {
      one = 1;
    } else if (product_negated) {
      total = ~total;
      one = 1;
    } else if (negated(3)) {
      c = ~c;
      one = 1;
    }
    total += part(c, 32, 0, sign) + one;
    total >>= modifiers.has("shr7") ? 7 : modifiers.has("shr15") ? 15 : 0;
    return static_cast<uint64_t>(modifiers.sat ? clamped(total, 32, sign) : total);
  }

  // Lane `lane` of operand 1 or 2: by its selector one of the parts of both registers, a's first.
  Wide lane_of(size_t operand, unsigned lane, unsigned width) const {
    const Selector& from = instruction.operands[operand].selector;
    unsigned count = 32 / width, place = from.width ? from.places[lane] : lane + (operand == 2 ? count : 0);
    return part(word(1 + place / count), width, place % count, source_signed(operand));
  }
  uint64_t simd(unsigned width) const {
    uint64_t result = word(3);
    for (unsigned lane = 0; lane < 32 / width; ++lane) {
      auto end = chosen.places + chosen.count;
      if (chosen.width && std::find(chosen.places, end, lane) == end) continue;
      Wide value = combined(lane_of(1, lane, width), lane_of(2, lane, width));
      if (modifiers.sat) value = clamped(value, width, is_signed);
      if (modifiers.operation == "add")
        result += static_cast<uint64_t>(value);
      else
        result = merged(result, value, width, lane);
    }
    return result;
  }
};

bool is_video(const ptx::Instruction& instruction) {
  return instruction.opcode >= Opcode::vabsdiff && instruction.opcode <= Opcode::vsub4 &&
         instruction.opcode != Opcode::vote;
}

}  // namespace

bool execute_video(Thread& thread, const ptx::Instruction& instruction) {
  if (!is_video(instruction)) return false;
  Video video{thread, instruction};
  char last = video.name.back();
  uint64_t result = instruction.opcode == Opcode::vmad ? video.multiply_add()
                    : last == '2'                      ? video.simd(16)
                    : last == '4'                      ? video.simd(8)
                                                       : video.scalar();
  thread.write(instruction.operands[0], result, Type::b32);
  return true;
}

}  // namespace reference
