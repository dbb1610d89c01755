// Loads, stores, address conversion and copies (PTX ISA, "Data Movement and Conversion Instructions").
#include <algorithm>
#include <cstring>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Operand;
using ptx::Space;
using ptx::Type;

uint64_t load(uint64_t address, unsigned bytes) {
  uint64_t value = 0;
  std::memcpy(&value, reinterpret_cast<const void*>(address), bytes);
  return value;
}

struct Memory {
  Thread& thread;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;

  // PTX ISA, "Addresses as Operands": an address is a multiple of the bytes accessed.
  uint64_t checked(const Operand& operand, unsigned bytes) const {
    uint64_t address = thread.address(operand, modifiers.space);
    if (address % bytes) throw Fault{"a misaligned address", instruction.line};
    return address;
  }
  unsigned bytes() const { return ptx::bits(modifiers.type) / 8; }
  const Operand& part(const Operand& operand, unsigned i) const {
    return modifiers.vector == 1 ? operand : operand.elements.at(i);
  }

  void read() const {
    uint64_t address = checked(instruction.operands[1], bytes() * modifiers.vector);
    if (bytes() == 16) {
      unsigned __int128 value;
      std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
      return thread.write_wide(instruction.operands[0], value);
    }
    uint64_t values[8];
    for (unsigned i = 0; i < modifiers.vector; ++i) values[i] = load(address + i * bytes(), bytes());
    for (unsigned i = 0; i < modifiers.vector; ++i)
      thread.write(part(instruction.operands[0], i), values[i], modifiers.type);
  }
  void store() const {
    uint64_t address = checked(instruction.operands[0], bytes() * modifiers.vector);
    if (bytes() == 16) {
      unsigned __int128 value = thread.read_wide(instruction.operands[1]);
      std::memcpy(reinterpret_cast<void*>(address), &value, sizeof value);
      return;
    }
    for (unsigned i = 0; i < modifiers.vector; ++i) {
      if (part(instruction.operands[1], i).kind == Operand::sink) continue;  // its place is left alone
      uint64_t value = thread.read(part(instruction.operands[1], i), modifiers.type);
      std::memcpy(reinterpret_cast<void*>(address + i * bytes()), &value, bytes());
    }
  }

  // Only shared memory has addresses of its own here; those of all other spaces are generic ones.
  void convert() const {
    uint64_t address = thread.read(instruction.operands[1], modifiers.type);
    auto base = reinterpret_cast<uint64_t>(thread.block->shared);
    if (modifiers.space == Space::shared) address = modifiers.to ? address - base : address + base;
    thread.write(instruction.operands[0], address, modifiers.type);
  }
  void is_in_space() const {
    uint64_t address = thread.read(instruction.operands[1], Type::b64);
    auto begin = reinterpret_cast<uint64_t>(thread.block->shared);
    bool shared = address >= begin && address < begin + thread.block->shared_bytes;
    bool local = false;
    for (const Frame& frame : thread.frames) {
      auto first = reinterpret_cast<uint64_t>(frame.memory.data());
      local = local || (address >= first && address < first + frame.memory.size());
    }
    auto parameters = reinterpret_cast<uint64_t>(thread.block->parameters);
    bool parameter = address >= parameters && address < parameters + thread.block->launch->parameters.size();
    bool constant = false;
    const auto& variables = thread.block->machine->module().variables;
    for (uint32_t i = 0; i < variables.size(); ++i) {
      uint64_t first = thread.block->machine->variable_address(i);
      bool here = address >= first && address < first + variables[i].size;
      constant = constant || (variables[i].space == Space::constant && here);
    }
    bool truth = modifiers.space == Space::constant ? constant
                 : modifiers.space == Space::shared ? shared
                 : modifiers.space == Space::local  ? local
                 : modifiers.space == Space::param  ? parameter
                                                    : !shared && !local && !constant;
    thread.write_predicate(instruction.operands[0], truth);
  }

  // cp.async: done at once, so that whoever waits for it finds it done. Bytes behind src-size become zeros.
  void copy_async() const {
    uint64_t to = thread.address(instruction.operands[0], Space::shared);
    uint64_t from = thread.address(instruction.operands[1], Space::global);
    auto bytes = static_cast<uint64_t>(instruction.operands[2].value), count = bytes;
    if (to % bytes || from % bytes) throw Fault{"a misaligned address", instruction.line};
    if (instruction.operands.size() > 3 && !modifiers.has("L2::cache_hint")) {
      const Operand& limit = instruction.operands[3];
      bool predicate = limit.kind == Operand::reg && thread.frame().function->registers[limit.index].type == Type::pred;
      if (predicate)
        count = thread.read_predicate(limit) ? 0 : bytes;  // ignore-src
      else
        count = std::min(bytes, thread.read(limit, Type::u32));
    }
    std::memset(reinterpret_cast<void*>(to), 0, bytes);
    std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), count);
  }
};

}  // namespace

bool execute_memory(Thread& thread, const ptx::Instruction& instruction) {
  Memory memory{thread, instruction};
  const ptx::Modifiers& modifiers = instruction.modifiers;
  switch (instruction.opcode) {
    case Opcode::ld:
    case Opcode::ldu: memory.read(); return true;
    case Opcode::st: memory.store(); return true;
    case Opcode::cvta: memory.convert(); return true;
    case Opcode::isspacep: memory.is_in_space(); return true;
    case Opcode::createpolicy:  // a number that nobody looks at
      thread.write(instruction.operands[0], modifiers.has("cvt") ? thread.read(instruction.operands[1], Type::b64) : 0,
                   Type::b64);
      return true;
    case Opcode::cp:
      if (modifiers.has("ca") || modifiers.has("cg")) memory.copy_async();
      return true;  // wait_all: nothing is under way
    case Opcode::prefetch:
    case Opcode::prefetchu:
    case Opcode::discard:
    case Opcode::applypriority: return true;  // hints
    default: return false;
  }
}

}  // namespace reference
