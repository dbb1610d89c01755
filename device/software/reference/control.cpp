// Branches, calls and the end of threads (PTX ISA, "Control Flow Instructions"; "Stack Manipulation Instructions").
#include <algorithm>
#include <cstring>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {

using ptx::Opcode;
using ptx::Operand;
using ptx::Space;
using ptx::Type;

Frame enter(const Block& block, const ptx::Function& function) {
  Frame frame;
  frame.function = &function;
  frame.registers.assign(function.registers.size(), 0);
  frame.upper.assign(function.registers.size(), 0);
  frame.address_of.assign(function.variables.size(), 0);
  std::vector<uint64_t> offsets(function.variables.size());
  uint64_t size = 0, shared = block.machine->shared_offset(function);
  auto align = [](uint64_t value, const ptx::Variable& variable) {
    uint64_t alignment = std::max(variable.alignment, 1u);
    return (value + alignment - 1) / alignment * alignment;
  };
  for (size_t i = 0; i < function.variables.size(); ++i) {
    const ptx::Variable& variable = function.variables[i];
    uint64_t& end = variable.space == Space::shared ? shared : size;
    end = align(end, variable);
    offsets[i] = end;
    end += variable.size;
  }
  frame.memory.resize(size + 128);
  auto base = (reinterpret_cast<uint64_t>(frame.memory.data()) + 127) / 128 * 128;
  for (size_t i = 0; i < offsets.size(); ++i)
    frame.address_of[i] = function.variables[i].space == Space::shared ? offsets[i] : base + offsets[i];
  if (function.is_entry)
    for (size_t i = 0; i < function.parameter_variables.size(); ++i)
      frame.address_of[function.parameter_variables[i]] =
          reinterpret_cast<uint64_t>(block.parameters) + function.parameter_offsets[i];
  return frame;
}

namespace {

void copy(uint64_t to, uint64_t from, uint64_t bytes) {
  std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
}

const ptx::Function& callee(Thread& thread, const ptx::Instruction& instruction) {
  const auto& functions = thread.block->machine->module().functions;
  const Operand& operand = instruction.operands.at(0);
  size_t index = operand.index;
  if (operand.kind == Operand::reg) {
    uint64_t address = thread.read(operand, Type::b64);
    index = static_cast<size_t>((address - function_address(0)) / 16);
    if (address < function_address(0) || index >= functions.size() || function_address(index) != address)
      throw Fault{"a call to an address where no function is", instruction.line};
  }
  if (!functions[index].defined) throw Fault{"a call of " + functions[index].name, instruction.line};
  return functions[index];
}

// Arguments are .param variables of the caller, copied into those of the callee.
void call(Thread& thread, const ptx::Instruction& instruction) {
  const ptx::Function& function = callee(thread, instruction);
  if (thread.frames.size() > 1000) throw Fault{"calls nested too deeply", instruction.line};
  Frame frame = enter(*thread.block, function);
  for (size_t i = 0; i < instruction.arguments.size(); ++i) {
    uint32_t variable = function.parameter_variables.at(i);
    const Operand& argument = instruction.arguments[i];
    if (argument.kind == Operand::symbol) {
      copy(frame.address_of[variable], thread.frame().address_of[argument.index], function.variables[variable].size);
    } else {
      uint64_t value = thread.read(argument, function.variables[variable].type);
      std::memcpy(reinterpret_cast<void*>(frame.address_of[variable]), &value, function.variables[variable].size);
    }
  }
  thread.frames.push_back(std::move(frame));
}

void return_from(Thread& thread) {
  if (thread.frames.size() == 1) {
    thread.state = Thread::exited;
    return;
  }
  Frame done = std::move(thread.frames.back());
  thread.frames.pop_back();
  const ptx::Instruction& calling = thread.instruction();
  for (size_t i = 0; i < calling.results.size(); ++i) {
    uint32_t variable = done.function->result_variables.at(i);
    uint64_t size = done.function->variables[variable].size;
    const Operand& result = calling.results[i];
    if (result.kind == Operand::symbol) {
      copy(thread.frame().address_of[result.index], done.address_of[variable], size);
    } else {
      uint64_t value = 0;
      std::memcpy(&value, reinterpret_cast<const void*>(done.address_of[variable]), std::min<uint64_t>(size, 8));
      thread.write(result, value, done.function->variables[variable].type);
    }
  }
  ++thread.frame().next;
}

void branch_by_table(Thread& thread, const ptx::Instruction& instruction) {
  uint64_t index = thread.read(instruction.operands[0], Type::u32);
  if (index + 1 >= instruction.operands.size()) throw Fault{"brx.idx beyond its table", instruction.line};
  thread.frame().next = thread.frame().function->labels[instruction.operands[index + 1].index];
}

}  // namespace

bool execute_control(Thread& thread, const ptx::Instruction& instruction) {
  Frame& frame = thread.frame();
  switch (instruction.opcode) {
    case Opcode::bra: frame.next = frame.function->labels[instruction.operands[0].index]; return true;
    case Opcode::brx: branch_by_table(thread, instruction); return true;
    case Opcode::call: call(thread, instruction); return true;
    case Opcode::ret: return_from(thread); return true;
    case Opcode::exit: thread.state = Thread::exited; return true;
    case Opcode::trap:
    case Opcode::brkpt: throw Fault{"trap", instruction.line};
    case Opcode::setmaxnreg:
    case Opcode::nanosleep:
    case Opcode::pmevent:
    case Opcode::griddepcontrol:
    case Opcode::stackrestore: ++frame.next; return true;
    case Opcode::stacksave: thread.write(instruction.operands[0], frame.allocated.size(), Type::b64); break;
    case Opcode::alloca_: {
      uint64_t size = thread.read(instruction.operands[1], Type::u64);
      frame.allocated.push_back(std::make_unique<uint8_t[]>(size + 128));
      auto place = (reinterpret_cast<uint64_t>(frame.allocated.back().get()) + 127) / 128 * 128;
      thread.write(instruction.operands[0], place, Type::u64);
      break;
    }
    default: return false;
  }
  ++frame.next;
  return true;
}

}  // namespace reference
