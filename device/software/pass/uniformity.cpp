// An optimistic fixed point: a result is as uniform as its sources, and a branch that the lanes decide makes every
// block up to its post-dominator divergent (Karrenberg & Hack 2012 describe the general form).
#include "device/software/pass/uniformity.h"

#include <algorithm>

#include "device/software/pass/bounds.h"
#include "device/software/pass/layout.h"
#include "device/software/pass/mixing.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;

// Results that differ between lanes whatever the sources are.
bool born_varying(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::atom:
    case Opcode::shfl:
    case Opcode::match:
    case Opcode::elect:
    case Opcode::mma:
    case Opcode::wmma:
    case Opcode::wgmma:
    case Opcode::ldmatrix:
    case Opcode::movmatrix:
    case Opcode::call:
    case Opcode::alloca_:
    case Opcode::stacksave:
    case Opcode::tex:
    case Opcode::tld4:
    case Opcode::suld: return true;
    default: return false;
  }
}

class Analysis {
 public:
  Analysis(const ptx::Function& function, const ControlFlow& flow, Grouping grouping, std::vector<bool> spins)
      : function_(function), flow_(flow), grouping_(grouping), mixing_(function, flow), spins_(std::move(spins)) {
    spins_.resize(flow.blocks.size(), false);
    size_t registers = function.registers.size();
    result_.shapes.assign(registers, Shape{});
    result_.blended.assign(registers, false);
    result_.divergent.assign(flow.blocks.size(), false);
    split_.assign(flow.blocks.size(), false);
    mixed_.assign(registers, false);
    count_definitions();
    for (size_t i = 0; i < registers; ++i)  // what is never written is 0 everywhere
      if (uses_[i].definitions == 0) result_.shapes[i] = uniform_shape;
  }

  Uniformity run() {
    do {
      changed_ = false;
      for (uint32_t block : flow_.order) visit(block);
    } while (changed_);
    for (Shape& shape : result_.shapes)
      if (shape.kind == Shape::unknown) shape = uniform_shape;  // written where nothing leads to
    for (uint32_t block : flow_.order) mark_blends(block);
    return std::move(result_);
  }

 private:
  struct Uses {
    uint32_t definitions = 0;
    uint32_t block = no_block;  // of the definition
    bool one_block = true;      // every use lies in the definition's block, after it
  };

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

  // A function's own .param and .local variables have one copy per lane.
  bool one_per_lane(const Operand& operand) const {
    bool symbol =
        operand.kind == Operand::symbol || (operand.kind == Operand::address && operand.base_kind == Operand::symbol);
    if (!symbol || !operand.local) return false;
    const ptx::Variable& variable = function_.variables[operand.index];
    bool kernel_parameter = function_.is_entry && variable.space == ptx::Space::param && is_parameter(operand.index);
    return variable.space != ptx::Space::shared && variable.space != ptx::Space::global &&
           variable.space != ptx::Space::constant && !kernel_parameter;
  }

  bool is_parameter(uint32_t index) const {
    for (uint32_t parameter : function_.parameter_variables)
      if (parameter == index) return true;
    return false;
  }

  Bounds bounds_of_operand(const Operand& operand) const {
    return operand.kind == Operand::reg ? bounds_[operand.index] : bounds_of(operand);
  }

  // No lane's value has as many bits as it is shifted by.
  bool shifted_out(const Instruction& instruction) const {
    const auto& operands = instruction.operands;
    bool word = instruction.opcode == Opcode::shr && ptx::bits(instruction.modifiers.type) == 32 &&
                operands.size() == 3 && operands[2].kind == Operand::integer;
    if (!word || operands[2].value <= 0 || operands[2].value > 31 || operands[1].negated) return false;
    return bounds_of_operand(operands[1]).most >> operands[2].value == 0;
  }

  Shape operand_shape(const Operand& operand) const {
    if (operand.kind == Operand::reg) return result_.shapes[operand.index];
    if (operand.kind == Operand::special_register) return shape_of(operand.special, grouping_);
    if (one_per_lane(operand)) return varying_shape;
    Shape shape = uniform_shape;
    if (operand.kind == Operand::address && operand.base_kind == Operand::reg) shape = result_.shapes[operand.index];
    for (const Operand& element : operand.elements) shape = worst(shape, operand_shape(element));
    return shape;
  }

  // Of values that are not combined but used together.
  static Shape worst(const Shape& a, const Shape& b) {
    if (a.kind == Shape::varying || b.kind == Shape::varying) return varying_shape;
    if (a.kind == Shape::unknown || b.kind == Shape::unknown) return Shape{};
    return a.kind == Shape::uniform && b.kind == Shape::uniform ? uniform_shape : varying_shape;
  }

  Shape result_shape(const Instruction& instruction) const {
    if (born_varying(instruction) || carry_varies(instruction)) return varying_shape;
    if (instruction.guard.reg >= 0) {
      const Shape& guard = result_.shapes[static_cast<size_t>(instruction.guard.reg)];
      if (guard.kind != Shape::uniform) return guard.kind == Shape::unknown ? Shape{} : varying_shape;
    }
    if (instruction.opcode == Opcode::activemask) return uniform_shape;
    // One answer for all lanes, unless they name different members.
    if (instruction.opcode == Opcode::vote || instruction.opcode == Opcode::redux)
      return instruction.modifiers.sync ? worst(uniform_shape, operand_shape(instruction.operands.back()))
                                        : uniform_shape;
    std::vector<Shape> sources;
    bool unknown = false, linear = false;
    for (size_t i = instruction.destinations; i < instruction.operands.size(); ++i) {
      sources.push_back(operand_shape(instruction.operands[i]));
      Shape& source = sources.back();
      if (source.kind == Shape::varying) return varying_shape;
      if (source.kind == Shape::uniform)
        source.alignment = std::max(source.alignment, bounds_of_operand(instruction.operands[i]).alignment());
      unknown = unknown || sources.back().kind == Shape::unknown;
      linear = linear || sources.back().kind == Shape::linear;
    }
    if (unknown) return Shape{};
    if (!linear) return uniform_shape;
    bool one_register = instruction.destinations == 1 && instruction.operands[0].kind == Operand::reg;
    if (!one_register) return varying_shape;
    Shape result = linear_result(instruction, sources.data(), grouping_);
    if (shifted_out(instruction)) result = grouping_.rows() == 1 ? uniform_shape : Shape{Shape::linear, 0, 0, 1};
    if (result.kind == Shape::linear)
      result.alignment = std::max(result.alignment, bounds_of_operand(instruction.operands[0]).alignment());
    unsigned width = ptx::bits(instruction.modifiers.type) * (instruction.modifiers.width == ptx::Width::wide ? 2 : 1);
    bool fits = ptx::bits(function_.registers[instruction.operands[0].index].type) == width;
    return fits ? result : varying_shape;
  }

  // The carry flag travels beside the registers; whoever uses it is varying.
  static bool carry_varies(const Instruction& instruction) {
    return instruction.modifiers.cc || instruction.opcode == Opcode::addc || instruction.opcode == Opcode::subc ||
           instruction.opcode == Opcode::madc;
  }

  void widen(uint32_t reg, const Shape& shape) {
    Shape joined = join(result_.shapes[reg], shape);
    if (joined == result_.shapes[reg]) return;
    result_.shapes[reg] = joined;
    changed_ = true;
  }

  void visit(uint32_t block) {
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i) {
      const Instruction& instruction = function_.body[i];
      Shape shape = result_shape(instruction);
      each_definition(instruction, [&](uint32_t reg) {
        bool mixed = mixing_.reducible() ? mixed_[reg] : result_.divergent[block] && !temporary(reg);
        widen(reg, mixed ? varying_shape : shape);
      });
      bool splits = i + 1 == flow_.blocks[block].last && result_.splits(instruction);
      if (instruction.opcode == Opcode::brx) splits = splits || splits_table(instruction);
      if (splits && flow_.blocks[block].successors.size() > 1) diverge(block);
    }
    if (spins_[block] && result_.divergent[block]) diverge(block);
  }

  bool splits_table(const Instruction& instruction) const {
    Shape shape = operand_shape(instruction.operands[0]);
    return shape.kind == Shape::varying || shape.kind == Shape::linear;
  }

  // The blocks that lanes reach from the end of `from` before they come to `meeting`.
  std::vector<bool> between(uint32_t from, uint32_t meeting) const {
    std::vector<bool> region(flow_.blocks.size(), false);
    std::vector<uint32_t> todo(flow_.blocks[from].successors);
    while (!todo.empty()) {
      uint32_t block = todo.back();
      todo.pop_back();
      if (block == meeting || region[block]) continue;
      region[block] = true;
      for (uint32_t next : flow_.blocks[block].successors) todo.push_back(next);
    }
    return region;
  }

  // Some lanes go back to the header of a loop that `meeting` lies in, as where two loops share a header: the others
  // come to `meeting` first, and go on.
  bool passes(uint32_t from, const std::vector<bool>& region, uint32_t meeting) const {
    for (const Region& loop : layout_.regions) {
      auto first = layout_.order.begin() + loop.first, last = layout_.order.begin() + loop.last;
      if (!region[loop.header] || std::find(first, last, meeting) == last) continue;
      for (auto at = first; at != last; ++at) {
        const auto& next = flow_.blocks[*at].successors;
        bool goes_back = std::find(next.begin(), next.end(), loop.header) != next.end();
        if (goes_back && (*at == from || region[*at])) return true;
      }
    }
    return false;
  }

  // Every block between `from` and the place where its lanes meet again. Lanes that leave the kernel for good are
  // nowhere else: the others are still together.
  void diverge(uint32_t from) {
    uint32_t meeting = spins_[from] ? no_block : flow_.post_dominator[from];
    std::vector<bool> region = between(from, meeting);
    while (meeting != no_block && passes(from, region, meeting)) {
      meeting = flow_.post_dominator[meeting];
      region = between(from, meeting);
    }
    bool leaving = false;
    for (uint32_t next : flow_.blocks[from].successors)
      leaving = leaving || only_returns(function_, flow_.blocks[next]);
    leaving = leaving && !spins_[from] && !result_.divergent[from] && flow_.blocks[from].successors.size() == 2;
    for (uint32_t block : flow_.order) {
      if (!region[block] || leaving || result_.divergent[block]) continue;
      changed_ = true;
      result_.divergent[block] = true;
    }
    if (split_[from] || !mixing_.reducible()) return;
    split_[from] = true;
    mixing_.mixed_by(from, region, meeting, [&](uint32_t reg) {
      if (mixed_[reg]) return;
      mixed_[reg] = changed_ = true;
    });
  }

  void mark_blends(uint32_t block) {
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i)
      each_definition(function_.body[i], [&](uint32_t reg) {
        bool apart = mixing_.reducible() ? mixed_[reg] : result_.divergent[block];
        if (!temporary(reg) && (apart || function_.body[i].guard.reg >= 0)) result_.blended[reg] = true;
      });
  }

  const ptx::Function& function_;
  const ControlFlow& flow_;
  const Grouping grouping_;
  const Layout layout_ = lay_out(flow_);
  const std::vector<Bounds> bounds_ = find_bounds(function_);
  Mixing mixing_;
  std::vector<bool> spins_;
  Uniformity result_;
  std::vector<Uses> uses_;
  std::vector<bool> split_, mixed_;  // by block: its branch was looked at; by register
  bool changed_ = false;
};

}  // namespace

bool only_returns(const ptx::Function& function, const Block& block) {
  const Instruction& first = function.body[block.first];
  return block.last == block.first + 1 && first.guard.reg < 0 &&
         (first.opcode == Opcode::ret || first.opcode == Opcode::exit);
}

Uniformity uniformity(const ptx::Function& function, const ControlFlow& flow, Grouping grouping,
                      std::vector<bool> spins) {
  return Analysis(function, flow, grouping, std::move(spins)).run();
}

}  // namespace software
