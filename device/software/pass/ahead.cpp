#include "device/software/pass/ahead.h"

#include <algorithm>

#include "device/software/pass/liveness.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;

constexpr int64_t line = 64;       // bytes of a cache's line
constexpr int64_t widest = 16;     // bytes of a lane
constexpr int64_t far = 4096;      // bytes between rounds: another page
constexpr unsigned deepest = 16;   // instructions between the loop's counter and an address
constexpr uint32_t several = ~0u;  // Loop::made: more than one instruction writes the register

bool is_global(const Instruction& instruction, Opcode opcode) {
  return instruction.opcode == opcode && instruction.modifiers.space == ptx::Space::global;
}
bool is_global_load(const Instruction& instruction) { return is_global(instruction, Opcode::ld); }

const Operand& address_of(const Instruction& access) { return access.operands.at(access.opcode == Opcode::st ? 0 : 1); }

// What comes again and again: a loop, or the whole kernel, block after block along x.
class Loop {
 public:
  Loop(const ptx::Function& function, const ControlFlow& flow, const Layout& layout, const Region& region,
       const Uniformity& uniformity)
      : function_(function), uniformity_(uniformity), made_(function.registers.size(), 0) {
    for (uint32_t at = region.first; at < region.last; ++at) add(flow.blocks[layout.order[at]]);
  }
  Loop(const ptx::Function& function, const ControlFlow& flow, const Uniformity& uniformity)
      : function_(function), uniformity_(uniformity), of_blocks_(true), made_(function.registers.size(), 0) {
    for (uint32_t block : flow.order) add(flow.blocks[block]);
  }

  const std::vector<uint32_t>& instructions() const { return instructions_; }
  bool has_barrier() const {
    return std::ranges::any_of(instructions_, [&](uint32_t i) {
      Opcode opcode = function_.body[i].opcode;
      return opcode == Opcode::bar || opcode == Opcode::barrier;
    });
  }
  std::optional<Growth> of_address(const Operand& address) const {
    if (address.base_kind != Operand::reg) return std::nullopt;
    auto growth = of_register(address.index, deepest);
    bool near = growth && growth->registers.empty() && std::abs(growth->factor) < line;
    return near ? std::nullopt : growth;
  }

 private:
  void add(const Block& block) {
    for (uint32_t i = block.first; i < block.last; ++i) {
      instructions_.push_back(i);
      each_definition(function_.body[i], [&](uint32_t reg) { made_[reg] = made_[reg] ? several : i + 1; });
    }
  }
  bool stays(uint32_t reg) const {
    if (!made_[reg] || made_[reg] == several) return !made_[reg];
    const Instruction& made = function_.body[made_[reg] - 1];
    if (!of_blocks_ || made.guard.reg >= 0) return false;
    if (made.opcode == Opcode::ld) return made.modifiers.space == ptx::Space::param;
    return made.opcode == Opcode::mov && made.operands[1].kind == Operand::special_register &&
           made.operands[1].special != ptx::Special::ctaid_x;
  }
  // Something that can be multiplied with: a number, or a register of all lanes that stays.
  bool is_measure(const Operand& operand) const {
    return operand.kind == Operand::integer ||
           (operand.kind == Operand::reg && stays(operand.index) && !uniformity_.varying(operand.index));
  }
  static std::optional<Growth> times(std::optional<Growth> growth, const Operand& measure) {
    if (growth && growth->factor && measure.kind == Operand::reg) growth->registers.push_back(measure.index);
    if (growth && measure.kind == Operand::integer) growth->factor *= measure.value;
    return growth;
  }
  // The sum, where one of them is none or both are numbers; sign: 1 or -1.
  static std::optional<Growth> sum(std::optional<Growth> a, std::optional<Growth> b, int64_t sign) {
    if (!a || !b) return std::nullopt;
    if (b->factor == 0) return a;
    b->factor *= sign;
    if (a->factor == 0) return b;
    if (!a->registers.empty() || !b->registers.empty()) return std::nullopt;
    return Growth{a->factor + b->factor, {}};
  }

  std::optional<Growth> of_operand(const Operand& operand, unsigned depth) const {
    if (operand.kind == Operand::reg) return of_register(operand.index, depth);
    if (of_blocks_ && operand.kind == Operand::special_register && operand.special == ptx::Special::ctaid_x)
      return Growth{1, {}};
    bool fixed = operand.kind == Operand::integer || operand.kind == Operand::special_register ||
                 operand.kind == Operand::symbol;
    return fixed ? std::optional(Growth{}) : std::nullopt;
  }

  std::optional<Growth> of_product(const Operand& a, const Operand& b, unsigned depth) const {
    if (is_measure(b)) return times(of_operand(a, depth), b);
    if (is_measure(a)) return times(of_operand(b, depth), a);
    return std::nullopt;
  }

  std::optional<Growth> of_register(uint32_t reg, unsigned depth) const {
    if (stays(reg)) return Growth{};
    if (made_[reg] == several || depth == 0) return std::nullopt;
    const Instruction& made = function_.body[made_[reg] - 1];
    const auto& operands = made.operands;
    if (made.guard.reg >= 0 || made.destinations != 1) return std::nullopt;
    --depth;
    switch (made.opcode) {
      case Opcode::add:
        for (size_t own : {1, 2})  // the counter
          if (operands[own].kind == Operand::reg && operands[own].index == reg)
            return is_measure(operands[3 - own]) ? times(Growth{1, {}}, operands[3 - own]) : std::nullopt;
        return sum(of_operand(operands[1], depth), of_operand(operands[2], depth), 1);
      case Opcode::sub: return sum(of_operand(operands[1], depth), of_operand(operands[2], depth), -1);
      case Opcode::mul: return of_product(operands[1], operands[2], depth);
      case Opcode::mad: return sum(of_product(operands[1], operands[2], depth), of_operand(operands[3], depth), 1);
      case Opcode::shl: {
        bool number = operands[2].kind == Operand::integer && operands[2].value >= 0 && operands[2].value < 32;
        Operand power = operands[2];
        if (number) power.value = int64_t{1} << power.value;
        return number ? times(of_operand(operands[1], depth), power) : std::nullopt;
      }
      case Opcode::mov:
      case Opcode::cvt:
      case Opcode::cvta: return of_operand(operands[1], depth);
      default: return std::nullopt;
    }
  }

  const ptx::Function& function_;
  const Uniformity& uniformity_;
  const bool of_blocks_ = false;
  std::vector<uint32_t> made_;  // by register: 1 + the loop's instruction that writes it; 0: none does
  std::vector<uint32_t> instructions_;
};

// Blocks of several rows of threads read short pieces of many rows of memory, which the processor does not see coming;
// long pieces it does.
bool has_rows(const ptx::Function& function) {
  return std::ranges::any_of(function.body, [](const Instruction& instruction) {
    return std::ranges::any_of(instruction.operands, [](const Operand& operand) {
      return operand.kind == Operand::special_register && operand.special == ptx::Special::tid_y;
    });
  });
}

// Lanes lie side by side, rounds far apart.
std::optional<Growth> beside(const Loop& loop, const Operand& address, const Uniformity& uniformity) {
  auto growth = loop.of_address(address);
  if (!growth || (growth->registers.empty() && std::abs(growth->factor) < far)) return std::nullopt;
  const Shape& shape = uniformity.shapes[address.index];
  if (shape.kind != Shape::linear || shape.stride <= 0 || shape.stride > widest) return std::nullopt;
  return Growth{shape.stride, {}, true};
}

// Accesses of one block by the same register whose lines are nearly the same ones: the first asks for all.
void ask_once(const ptx::Function& function, const ControlFlow& flow, std::vector<std::optional<Growth>>& found) {
  for (const Block& block : flow.blocks) {
    std::vector<uint32_t> asked;  // instructions
    for (uint32_t i = block.first; i < block.last; ++i) {
      const Instruction& instruction = function.body[i];
      auto alike = [&](uint32_t other) {
        const Instruction& before = function.body[other];
        const Operand &a = address_of(before), &b = address_of(instruction);
        return before.opcode == instruction.opcode && a.index == b.index && std::abs(a.value - b.value) < line;
      };
      if (found[i] && std::ranges::any_of(asked, alike)) found[i].reset();
      if (found[i]) asked.push_back(i);
      each_definition(instruction, [&](uint32_t reg) {
        std::erase_if(asked, [&](uint32_t other) { return address_of(function.body[other]).index == reg; });
      });
    }
  }
}

}  // namespace

std::vector<std::optional<Growth>> find_growth(const ptx::Function& function, const ControlFlow& flow,
                                               const Layout& layout, const Uniformity& uniformity) {
  std::vector<std::optional<Growth>> found(function.body.size());
  std::vector<bool> seen(function.body.size(), false);     // in a loop with barriers further in
  std::vector<bool> repeats(function.body.size(), false);  // in any loop
  for (const Region& region : layout.regions) {
    Loop loop(function, flow, layout, region, uniformity);
    const bool asks = loop.has_barrier();
    for (uint32_t i : loop.instructions()) {
      const bool looked = repeats[i] && !asks;  // in a loop further in
      repeats[i] = true;
      if (!seen[i] && !looked && is_global_load(function.body[i]))
        found[i] = asks ? loop.of_address(function.body[i].operands.at(1))
                        : beside(loop, function.body[i].operands.at(1), uniformity);
      seen[i] = seen[i] || asks;
    }
  }
  if (!has_rows(function)) return found;
  Loop grid(function, flow, uniformity);
  for (uint32_t i : grid.instructions())
    if (!repeats[i] && (is_global_load(function.body[i]) || is_global(function.body[i], Opcode::st)))
      found[i] = grid.of_address(address_of(function.body[i]));
  ask_once(function, flow, found);
  return found;
}

}  // namespace software
