#include "device/software/pass/bounds.h"

#include <algorithm>
#include <bit>

#include "device/software/pass/liveness.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::Special;

constexpr uint64_t largest = ~uint32_t{0};
constexpr uint32_t most_threads = 1024;  // of a block (CUDA C++ Programming Guide, "Compute Capabilities")

Bounds made(uint64_t most, unsigned zeros) {
  if (most == 0) zeros = 32;
  return {most > largest ? ~uint32_t{0} : static_cast<uint32_t>(most), std::min(zeros, 32u)};
}

Bounds sum(const Bounds& a, const Bounds& b) { return made(uint64_t{a.most} + b.most, std::min(a.zeros, b.zeros)); }

Bounds product(const Bounds& a, const Bounds& b) { return made(uint64_t{a.most} * b.most, a.zeros + b.zeros); }

Bounds shifted_right(const Bounds& a, const Operand& by, bool is_signed) {
  bool known = by.kind == Operand::integer && by.value >= 0 && by.value < 32;
  if (!known || (is_signed && a.most >> 31)) return {};
  auto amount = static_cast<unsigned>(by.value);
  return made(a.most >> amount, a.zeros > amount ? a.zeros - amount : 0);
}

bool is_word(const Instruction& instruction) {
  ptx::Type type = instruction.modifiers.type;
  return type == ptx::Type::b32 || type == ptx::Type::u32 || type == ptx::Type::s32;
}

class Search {
 public:
  explicit Search(const ptx::Function& function)
      : function_(function), makers_(function.registers.size(), none), found_(function.registers.size()) {
    for (uint32_t i = 0; i < function.body.size(); ++i)
      each_definition(function.body[i], [&](uint32_t reg) { makers_[reg] = makers_[reg] == none ? i : several; });
  }

  std::vector<Bounds> run() {
    for (uint32_t reg = 0; reg < makers_.size(); ++reg) of_register(reg, deepest);
    return std::move(found_);
  }

 private:
  static constexpr uint32_t none = ~0u, several = none - 1, settled = none - 2;
  static constexpr unsigned deepest = 64;

  Bounds of(const Operand& operand, unsigned depth) {
    if (operand.kind == Operand::symbol) return of_symbol(operand);
    if (operand.kind != Operand::reg) return bounds_of(operand);
    return operand.negated ? Bounds{} : of_register(operand.index, depth);
  }

  // The address of a function's own shared variable, which is placed as it asks to be.
  Bounds of_symbol(const Operand& operand) const {
    if (!operand.local || function_.variables[operand.index].space != ptx::Space::shared) return {};
    const auto low = static_cast<uint64_t>(operand.value) | std::max(function_.variables[operand.index].alignment, 1u);
    return made(largest, static_cast<unsigned>(std::countr_zero(low)));
  }

  Bounds of_register(uint32_t reg, unsigned depth) {
    uint32_t maker = makers_[reg];
    if (maker == settled) return found_[reg];
    if (maker == none || maker == several || depth == 0) return {};
    const Instruction& instruction = function_.body[maker];
    const auto& modifiers = instruction.modifiers;
    makers_[reg] = several;  // while it is looked for: it may depend on itself
    bool plain = instruction.guard.reg < 0 && instruction.destinations == 1 && is_word(instruction) && !modifiers.cc &&
                 !modifiers.sat && instruction.operands[0].kind == Operand::reg &&
                 ptx::bits(function_.registers[reg].type) == 32;
    if (plain) found_[reg] = result(instruction, depth - 1);
    makers_[reg] = plain ? settled : several;
    return found_[reg];
  }

  Bounds result(const Instruction& instruction, unsigned depth) {
    const auto& operands = instruction.operands;
    bool low = instruction.modifiers.width == ptx::Width::lo;
    auto source = [&](size_t i) { return i < operands.size() ? of(operands[i], depth) : Bounds{}; };
    const Operand& amount = operands.back();
    switch (instruction.opcode) {
      case Opcode::mov: return source(1);
      case Opcode::add: return sum(source(1), source(2));
      case Opcode::sub: return made(largest, std::min(source(1).zeros, source(2).zeros));
      case Opcode::mul: return low ? product(source(1), source(2)) : Bounds{};
      case Opcode::mad: return low ? sum(product(source(1), source(2)), source(3)) : Bounds{};
      case Opcode::shl: {
        bool known = amount.kind == Operand::integer && amount.value >= 0 && amount.value < 32;
        Bounds a = source(1);
        return known ? made(uint64_t{a.most} << amount.value, a.zeros + static_cast<unsigned>(amount.value)) : Bounds{};
      }
      case Opcode::shr: return shifted_right(source(1), amount, ptx::is_signed(instruction.modifiers.type));
      case Opcode::and_: {
        Bounds a = source(1), b = source(2);
        return made(std::min(a.most, b.most), std::max(a.zeros, b.zeros));
      }
      case Opcode::or_:
      case Opcode::xor_: {
        uint64_t most = std::max(source(1).most, source(2).most);
        return made(std::bit_ceil(most + 1) - 1, std::min(source(1).zeros, source(2).zeros));
      }
      default: return {};
    }
  }

  const ptx::Function& function_;
  std::vector<uint32_t> makers_;  // by register: the instruction that writes it
  std::vector<Bounds> found_;
};

}  // namespace

Bounds bounds_of(const Operand& operand) {
  if (operand.kind == Operand::integer) {
    auto value = static_cast<uint32_t>(operand.value);
    return made(value, static_cast<unsigned>(std::countr_zero(value)));
  }
  if (operand.kind != Operand::special_register) return {};
  switch (operand.special) {
    case Special::tid_x:
    case Special::tid_y:
    case Special::tid_z: return made(most_threads - 1, 0);
    case Special::ntid_x:
    case Special::ntid_y:
    case Special::ntid_z: return made(most_threads, 0);
    case Special::laneid: return made(31, 0);
    case Special::warpid: return made(most_threads / 32 - 1, 0);
    default: return {};
  }
}

std::vector<Bounds> find_bounds(const ptx::Function& function) { return Search(function).run(); }

}  // namespace software
