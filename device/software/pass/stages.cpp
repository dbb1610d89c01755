// Everything else by which a warp may wait for another one wants it to have a stack: barriers that only some warps or
// lanes come to, or that reduce; clusters; warpgroups; loops that poll.
#include "device/software/pass/stages.h"

#include <algorithm>

#include "device/software/pass/layout.h"
#include "device/software/pass/liveness.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;

// Registers of lanes that are kept at all barriers together: beyond, the code to keep them is too long.
constexpr size_t most_kept = 1500;

bool is_barrier(const Instruction& instruction) {
  return (instruction.opcode == Opcode::bar || instruction.opcode == Opcode::barrier) &&
         !instruction.modifiers.has("warp");
}

// PTX ISA, "bar": bar.sync with a constant barrier and without a count is one of all the block's threads.
bool is_whole(const Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  bool other = modifiers.has("cluster") || modifiers.has("arrive") || modifiers.has("red");
  return !other && instruction.guard.reg < 0 && instruction.operands.size() == 1 &&
         instruction.operands[0].kind == Operand::integer;
}

class Search {
 public:
  explicit Search(const ptx::Module& module) : module_(module), seen_(module.functions.size(), false) {}

  // A call of the instruction's function may have to wait for another warp.
  bool waits(const Instruction& instruction) {
    if (instruction.opcode == Opcode::wgmma || is_barrier(instruction)) return true;
    if (instruction.opcode != Opcode::call) return false;
    const Operand& callee = instruction.operands.at(0);
    if (callee.kind != Operand::function) return true;
    const ptx::Function& function = module_.functions[callee.index];
    if (seen_[callee.index] || !function.defined) return false;
    seen_[callee.index] = true;
    ControlFlow flow = control_flow(function);
    return find_spins(function, flow, lay_out(flow)).any ||
           std::ranges::any_of(function.body, [&](auto& inner) { return waits(inner); });
  }

 private:
  const ptx::Module& module_;
  std::vector<bool> seen_;
};

bool uses_stack_or_carry(const Instruction& instruction) {
  return instruction.opcode == Opcode::alloca_ || instruction.opcode == Opcode::stacksave ||
         instruction.opcode == Opcode::stackrestore || instruction.modifiers.cc;
}

// The registers that are kept somewhere and that one instruction writes.
std::vector<bool> written_once(const ptx::Function& function, const Stages& stages) {
  std::vector<uint32_t> writes(function.registers.size(), 0);
  for (const Instruction& instruction : function.body)
    each_definition(instruction, [&](uint32_t reg) { ++writes[reg]; });
  std::vector<bool> once(function.registers.size(), false);
  for (const auto& kept : stages.kept)
    for (uint32_t reg : kept) once[reg] = writes[reg] == 1;
  return once;
}

}  // namespace

Stages find_stages(const ptx::Module& module, const ptx::Function& function, const ControlFlow& flow,
                   const Uniformity& uniformity, const Spins& spins) {
  bool plain = function.is_entry && !spins.any && std::ranges::none_of(function.body, uses_stack_or_carry);
  if (!plain) return {};
  Search search(module);
  Liveness liveness(function, flow);
  Stages stages;
  stages.kept.resize(function.body.size());
  size_t kept = 0;
  for (uint32_t block : flow.order)
    for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
      const Instruction& instruction = function.body[i];
      bool barrier = is_barrier(instruction) && is_whole(instruction) && !uniformity.divergent[block];
      if (!barrier && search.waits(instruction)) return {};
      if (!barrier) continue;
      stages.kept[i] = liveness.behind(block, i);
      kept += std::ranges::count_if(stages.kept[i], [&](uint32_t reg) { return uniformity.varying(reg); });
    }
  if (kept > most_kept) return {};
  stages.any = true;
  stages.once = written_once(function, stages);
  return stages;
}

}  // namespace software
