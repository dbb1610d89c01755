// Moves, comparisons and selections (PTX ISA, "Comparison and Selection Instructions", "mov").
#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Boolean;
using ptx::Compare;
using ptx::Opcode;
using ptx::Type;

Order integer_order(uint64_t a, uint64_t b, bool is_signed, unsigned width) {
  if (is_signed) {
    int64_t x = sign_extended(a, width), y = sign_extended(b, width);
    return x < y ? Order::less : x > y ? Order::greater : Order::equal;
  }
  return a < b ? Order::less : a > b ? Order::greater : Order::equal;
}

// The unordered forms (equ, ltu ...) are true where an operand is NaN, the ordered ones false.
bool holds(Compare compare, Order order) {
  bool less = order == Order::less, equal = order == Order::equal, greater = order == Order::greater;
  bool unordered = order == Order::unordered;
  switch (compare) {
    case Compare::eq: return equal;
    case Compare::ne: return less || greater;
    case Compare::lt:
    case Compare::lo: return less;
    case Compare::le:
    case Compare::ls: return less || equal;
    case Compare::gt:
    case Compare::hi: return greater;
    case Compare::ge:
    case Compare::hs: return greater || equal;
    case Compare::equ: return equal || unordered;
    case Compare::neu: return !equal;
    case Compare::ltu: return less || unordered;
    case Compare::leu: return !greater;
    case Compare::gtu: return greater || unordered;
    case Compare::geu: return !less;
    case Compare::num: return !unordered;
    case Compare::nan: return unordered;
    default: return false;
  }
}

bool combined(Boolean boolean, bool truth, bool with) {
  switch (boolean) {
    case Boolean::and_: return truth && with;
    case Boolean::or_: return truth || with;
    case Boolean::xor_: return truth != with;
    default: return truth;
  }
}

struct Comparison {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;

  // Compares element `part` of the operands `first` and the next.
  bool compared(Type type, size_t first, unsigned part) const {
    Type element = element_of(type);
    unsigned width = width_of(element);
    uint64_t a = cut(thread.read(instruction.operands.at(first), type) >> part * width, width);
    uint64_t b = cut(thread.read(instruction.operands.at(first + 1), type) >> part * width, width);
    if (!ptx::is_float(type)) {
      bool low_high = modifiers.compare == Compare::lo || modifiers.compare == Compare::ls ||
                      modifiers.compare == Compare::hi || modifiers.compare == Compare::hs;
      return holds(modifiers.compare, integer_order(a, b, ptx::is_signed(type) && !low_high, width));
    }
    Format format = format_of(element);
    if (modifiers.ftz && element != Type::f64) a = flushed(a, format), b = flushed(b, format);
    return holds(modifiers.compare, order(decode(a, format), decode(b, format)));
  }

  void set_predicate() const {
    size_t first = instruction.destinations;
    Type type = modifiers.type;
    bool has_with = modifiers.boolean != Boolean::none;
    bool with = has_with && thread.read_predicate(instruction.operands.at(first + 2));
    bool truth = compared(type, first, 0);
    // One comparison gives p and its opposite q; of packed types, p is the lower half's and q the upper half's.
    bool other = is_packed(type) ? compared(type, first, 1) : !truth;
    thread.write_predicate(instruction.operands[0], combined(modifiers.boolean, truth, with));
    if (instruction.destinations > 1)
      thread.write_predicate(instruction.operands[1], combined(modifiers.boolean, other, with));
  }

  // What set writes for true: 1.0 for a floating type, all ones for an integer.
  static uint64_t yes(Type type) {
    if (!ptx::is_float(type)) return ones(width_of(type));
    return encode(from_integer(1, false), format_of(type));
  }
  void set() const {
    Type result = modifiers.type, type = modifiers.source_type;
    bool has_with = modifiers.boolean != Boolean::none;
    bool with = has_with && thread.read_predicate(instruction.operands.at(3));
    unsigned parts = is_packed(type) ? 2 : 1, width = width_of(result) / (is_packed(type) ? 2 : 1);
    Type element = is_packed(result) ? element_of(result) : result;
    uint64_t value = 0;
    for (unsigned part = 0; part < parts; ++part)
      if (combined(modifiers.boolean, compared(type, 1, part), with)) value |= cut(yes(element), width) << part * width;
    thread.write(instruction.operands[0], value, result);
  }

  void select(bool first) const {
    Type type = modifiers.type;
    thread.write(instruction.operands[0], thread.read(instruction.operands[first ? 1 : 2], type), type);
  }
  bool not_negative() const {  // slct: NaN and numbers below zero choose b
    Type type = modifiers.source_type;
    uint64_t bits = thread.read(instruction.operands.at(3), type);
    if (!ptx::is_float(type)) return sign_extended(bits, width_of(type)) >= 0;
    Format format = format_of(type);
    if (modifiers.ftz) bits = flushed(bits, format);
    Order relation = order(decode(bits, format), Number{});
    return relation == Order::greater || relation == Order::equal;
  }
};

void move(Thread& thread, const ptx::Instruction& instruction) {
  const auto &to = instruction.operands[0], &from = instruction.operands[1];
  Type type = instruction.modifiers.type;
  if (type == Type::b128) return thread.write_wide(to, thread.read_wide(from));
  if (instruction.modifiers.vector == 1) return thread.write(to, thread.read(from, type), type);
  std::vector<uint64_t> values;
  for (const auto& element : from.elements) values.push_back(thread.read(element, type));
  for (size_t i = 0; i < values.size(); ++i) thread.write(to.elements.at(i), values[i], type);
}

}  // namespace

bool execute_compare(Thread& thread, const ptx::Instruction& instruction) {
  Comparison comparison{thread, instruction};
  switch (instruction.opcode) {
    case Opcode::mov: move(thread, instruction); return true;
    case Opcode::setp: comparison.set_predicate(); return true;
    case Opcode::set: comparison.set(); return true;
    case Opcode::selp: comparison.select(thread.read_predicate(instruction.operands[3])); return true;
    case Opcode::slct: comparison.select(comparison.not_negative()); return true;
    default: return false;
  }
}

}  // namespace reference
