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

// exch and cas of 128 bits.
void update_wide(Thread& thread, const ptx::Instruction& instruction, void* cell) {
  unsigned __int128 old, value = thread.read_wide(instruction.operands[2]);
  std::memcpy(&old, cell, sizeof old);
  if (instruction.modifiers.operation == "cas")
    value = old == value ? thread.read_wide(instruction.operands.at(3)) : old;
  else if (instruction.modifiers.operation != "exch")
    unsupported(instruction);
  std::memcpy(cell, &value, sizeof value);
  thread.write_wide(instruction.operands[0], old);
}

uint64_t next_value(Thread& thread, const ptx::Instruction& instruction, uint64_t old, uint64_t with) {
  Type type = instruction.modifiers.type;
  size_t third = instruction.opcode == Opcode::atom ? 3 : 2;
  if (instruction.modifiers.operation == "cas")
    return old == with ? thread.read(instruction.operands.at(third), type) : old;
  if (!is_packed(type)) return updated(instruction, old, with, type);
  uint64_t value = 0;
  unsigned part = width_of(type) / 2;
  for (unsigned shift : {0u, part})
    value |= cut(updated(instruction, cut(old >> shift, part), cut(with >> shift, part), element_of(type)), part)
             << shift;
  return value;
}

// A vector is updated element by element: only each of them is atomic.
void update(Thread& thread, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  size_t at = instruction.opcode == Opcode::atom ? 1 : 0;
  Type type = modifiers.type;
  unsigned bytes = width_of(type) / 8;
  uint64_t address = thread.address(instruction.operands[at], modifiers.space);
  if (address % (bytes * modifiers.vector)) throw Fault{"a misaligned address", instruction.line};
  if (bytes == 16) return update_wide(thread, instruction, reinterpret_cast<void*>(address));
  auto part = [&](size_t operand, unsigned i) -> const ptx::Operand& {
    const auto& whole = instruction.operands.at(operand);
    return modifiers.vector > 1 ? whole.elements.at(i) : whole;
  };
  for (unsigned i = 0; i < modifiers.vector; ++i) {
    auto* cell = reinterpret_cast<void*>(address + i * bytes);
    uint64_t old = 0;
    std::memcpy(&old, cell, bytes);
    uint64_t value = next_value(thread, instruction, old, thread.read(part(at + 1, i), type));
    std::memcpy(cell, &value, bytes);
    if (at) thread.write(part(0, i), old, type);
  }
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
