// A fixed point of two rules: a varying source makes a varying result, and a varying branch makes every block
// up to its post-dominator divergent (Karrenberg & Hack 2012 describe the general form).
#include "device/software/pass/uniformity.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using ptx::Special;

// Results that differ between lanes whatever the sources are.
bool born_varying(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::atom:
    case Opcode::shfl:
    case Opcode::match:
    case Opcode::elect:
    case Opcode::call:
    case Opcode::alloca_:
    case Opcode::stacksave: return true;
    default: return false;
  }
}

bool varying_special(Special special) {
  switch (special) {
    case Special::tid_x:
    case Special::tid_y:
    case Special::tid_z:
    case Special::laneid:
    case Special::lanemask_eq:
    case Special::lanemask_le:
    case Special::lanemask_lt:
    case Special::lanemask_ge:
    case Special::lanemask_gt: return true;
    default: return false;
  }
}

class Analysis {
 public:
  Analysis(const ptx::Function& function, const ControlFlow& flow) : function_(function), flow_(flow) {
    size_t registers = function.registers.size();
    result_.varying.assign(registers, false);
    result_.blended.assign(registers, false);
    result_.divergent.assign(flow.blocks.size(), false);
    count_definitions();
  }

  Uniformity run() {
    do {
      changed_ = false;
      for (uint32_t block : flow_.order) visit(block);
    } while (changed_);
    for (uint32_t block : flow_.order) mark_blends(block);
    return std::move(result_);
  }

 private:
  struct Uses {
    uint32_t definitions = 0;
    uint32_t block = no_block;  // of the definition
    bool one_block = true;      // every use lies in the definition's block, after it
  };

  template <class Visit>
  static void each_register(const Operand& operand, Visit visit) {
    if (operand.kind == Operand::reg) visit(operand.index);
    if (operand.kind == Operand::address && operand.base_kind == Operand::reg) visit(operand.index);
    for (const Operand& element : operand.elements) each_register(element, visit);
  }
  template <class Visit>
  static void each_definition(const Instruction& instruction, Visit visit) {
    for (size_t i = 0; i < instruction.destinations; ++i) each_register(instruction.operands[i], visit);
    for (const Operand& operand : instruction.results) each_register(operand, visit);
  }
  template <class Visit>
  static void each_source(const Instruction& instruction, Visit visit) {
    for (size_t i = instruction.destinations; i < instruction.operands.size(); ++i)
      each_register(instruction.operands[i], visit);
    for (const Operand& operand : instruction.arguments) each_register(operand, visit);
    if (instruction.guard.reg >= 0) visit(static_cast<uint32_t>(instruction.guard.reg));
  }

  void count_definitions() {
    uses_.resize(function_.registers.size());
    for (uint32_t block : flow_.order) {
      for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i) {
        each_source(function_.body[i], [&](uint32_t reg) {
          if (uses_[reg].definitions == 0 || uses_[reg].block != block) uses_[reg].one_block = false;
        });
        each_definition(function_.body[i], [&](uint32_t reg) {
          ++uses_[reg].definitions;
          uses_[reg].block = block;
        });
      }
    }
  }

  bool temporary(uint32_t reg) const { return uses_[reg].definitions == 1 && uses_[reg].one_block; }

  bool varying_operand(const Operand& operand) const {
    bool varying = operand.kind == Operand::special_register && varying_special(operand.special);
    each_register(operand, [&](uint32_t reg) { varying = varying || result_.varying[reg]; });
    // A function's own .param and .local variables have one copy per lane.
    if ((operand.kind == Operand::symbol ||
         (operand.kind == Operand::address && operand.base_kind == Operand::symbol)) &&
        operand.local) {
      const ptx::Variable& variable = function_.variables[operand.index];
      bool kernel_parameter = function_.is_entry && variable.space == ptx::Space::param && is_parameter(operand.index);
      if (variable.space != ptx::Space::shared && variable.space != ptx::Space::global &&
          variable.space != ptx::Space::constant && !kernel_parameter)
        varying = true;
    }
    for (const Operand& element : operand.elements) varying = varying || varying_operand(element);
    return varying;
  }

  bool is_parameter(uint32_t index) const {
    for (uint32_t parameter : function_.parameter_variables)
      if (parameter == index) return true;
    return false;
  }

  bool varying_result(const Instruction& instruction) const {
    if (born_varying(instruction)) return true;
    if (instruction.guard.reg >= 0 && result_.varying[static_cast<size_t>(instruction.guard.reg)]) return true;
    if (instruction.opcode == Opcode::activemask) return false;
    // One answer for all lanes, unless they name different members.
    if (instruction.opcode == Opcode::vote || instruction.opcode == Opcode::redux)
      return instruction.modifiers.sync && varying_operand(instruction.operands.back());
    for (size_t i = instruction.destinations; i < instruction.operands.size(); ++i)
      if (varying_operand(instruction.operands[i])) return true;
    return carry_varies(instruction);
  }

  // The carry flag travels beside the registers; whoever uses it is varying.
  static bool carry_varies(const Instruction& instruction) {
    return instruction.modifiers.cc || instruction.opcode == Opcode::addc || instruction.opcode == Opcode::subc ||
           instruction.opcode == Opcode::madc;
  }

  void make_varying(uint32_t reg) {
    if (result_.varying[reg]) return;
    result_.varying[reg] = true;
    changed_ = true;
  }

  void visit(uint32_t block) {
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i) {
      const Instruction& instruction = function_.body[i];
      bool varying = varying_result(instruction);
      each_definition(instruction, [&](uint32_t reg) {
        if (varying || (result_.divergent[block] && !temporary(reg))) make_varying(reg);
      });
      bool splits = result_.splits(instruction);
      if (instruction.opcode == Opcode::brx && varying_operand(instruction.operands[0])) splits = true;
      if (splits && flow_.blocks[block].successors.size() > 1) diverge(block);
    }
  }

  // Every block between `from` and the place where its lanes meet again.
  void diverge(uint32_t from) {
    uint32_t meeting = flow_.post_dominator[from];
    std::vector<uint32_t> todo(flow_.blocks[from].successors);
    std::vector<bool> seen(flow_.blocks.size(), false);
    while (!todo.empty()) {
      uint32_t block = todo.back();
      todo.pop_back();
      if (block == meeting || seen[block]) continue;
      seen[block] = true;
      if (!result_.divergent[block]) changed_ = true;
      result_.divergent[block] = true;
      for (uint32_t next : flow_.blocks[block].successors) todo.push_back(next);
    }
  }

  void mark_blends(uint32_t block) {
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i)
      each_definition(function_.body[i], [&](uint32_t reg) {
        if (!temporary(reg) && (result_.divergent[block] || function_.body[i].guard.reg >= 0))
          result_.blended[reg] = true;
      });
  }

  const ptx::Function& function_;
  const ControlFlow& flow_;
  Uniformity result_;
  std::vector<Uses> uses_;
  bool changed_ = false;
};

}  // namespace

Uniformity uniformity(const ptx::Function& function, const ControlFlow& flow) { return Analysis(function, flow).run(); }

}  // namespace software
