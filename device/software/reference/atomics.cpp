// atom, red and fences (PTX ISA, "Parallel Synchronization and Communication Instructions"). One thread runs at a
// time, so that every access is atomic and every fence is kept already.
#include <algorithm>
#include <cstring>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;

uint64_t real_result(const std::string& name, uint64_t old, uint64_t with, Type type, bool& known) {
  Format format = format_of(type);
  Number a = decode(old, format), b = decode(with, format);
  if (name == "add") return encode(sum(a, b, ptx::Rounding::rn), format);
  known = name == "min" || name == "max";
  if (a.kind == Number::nan || b.kind == Number::nan) return a.kind == Number::nan ? encode(b, format) : old;
  Order relation = order(a, b);
  bool less = relation == Order::less || (relation == Order::equal && a.negative && !b.negative);
  return less == (name == "min") ? old : with;
}

}  // namespace

uint64_t updated(const ptx::Instruction& instruction, uint64_t old, uint64_t with, Type type) {
  const std::string& name = instruction.modifiers.operation;
  unsigned width = width_of(type);
  bool sign = ptx::is_signed(type);
  auto less = [&](uint64_t a, uint64_t b) { return sign ? sign_extended(a, width) < sign_extended(b, width) : a < b; };
  if (name == "exch") return with;
  if (name == "and") return old & with;
  if (name == "or") return old | with;
  if (name == "xor") return old ^ with;
  if (name == "inc") return old >= with ? 0 : old + 1;
  if (name == "dec") return old == 0 || old > with ? with : old - 1;
  bool known = true;
  if (ptx::is_float(type)) {
    uint64_t result = real_result(name, old, with, type, known);
    if (!known) unsupported(instruction);
    return result;
  }
  if (name == "add") return old + with;
  if (name == "min") return less(with, old) ? with : old;
  if (name == "max") return less(old, with) ? with : old;
  unsupported(instruction);
}

namespace {

void update(Thread& thread, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  size_t at = instruction.opcode == Opcode::atom ? 1 : 0;
  Type type = modifiers.type;
  unsigned width = width_of(type), bytes = width / 8;
  if (modifiers.vector > 1 || width > 64) unsupported(instruction);
  uint64_t address = thread.address(instruction.operands[at], modifiers.space);
  if (address % bytes) throw Fault{"a misaligned address", instruction.line};
  auto* cell = reinterpret_cast<void*>(address);
  uint64_t old = 0, with = thread.read(instruction.operands[at + 1], type), value = 0;
  std::memcpy(&old, cell, bytes);
  if (modifiers.operation == "cas") {
    value = old == with ? thread.read(instruction.operands[at + 2], type) : old;
  } else if (is_packed(type)) {
    unsigned part = width / 2;
    for (unsigned shift : {0u, part})
      value |= cut(updated(instruction, cut(old >> shift, part), cut(with >> shift, part), element_of(type)), part)
               << shift;
  } else {
    value = updated(instruction, old, with, type);
  }
  std::memcpy(cell, &value, bytes);
  if (at) thread.write(instruction.operands[0], old, type);
}

}  // namespace

bool execute_atomic(Thread& thread, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::atom:
    case Opcode::red: update(thread, instruction); return true;
    case Opcode::membar:
    case Opcode::fence: return true;
    default: return false;
  }
}

}  // namespace reference
