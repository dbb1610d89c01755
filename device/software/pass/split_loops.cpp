// The parts follow each other where the loop stood. What several of them count up begins anew in each.
#include "device/software/pass/split_loops.h"

#include <algorithm>

#include "device/software/pass/cfg.h"
#include "device/software/pass/liveness.h"
#include "device/software/pass/loop_parts.h"
#include "device/software/pass/uniformity.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;

// The function as it becomes, instruction by instruction.
class Rewriting {
 public:
  explicit Rewriting(const ptx::Function& function)
      : from_(function), made_(function), moved_(function.body.size() + 1) {
    made_.body.clear();
  }

  void copy(uint32_t i) {
    moved_[i] = static_cast<uint32_t>(made_.body.size());
    made_.body.push_back(from_.body[i]);
  }

  void split(const Block& block, const SplitLoop& loop, const std::vector<SplitLoop::Slice>& parts) {
    for (uint32_t i = block.first; i < block.last; ++i) moved_[i] = static_cast<uint32_t>(made_.body.size());
    const Instruction& branch = from_.body[block.last - 1];
    std::vector<std::pair<uint32_t, uint32_t>> kept;  // a register, and where its first value is
    SplitLoop::Registers again;
    for (size_t i = 1; i < parts.size(); ++i) again.merge(loop.carried(parts[i]));
    for (uint32_t reg : again)
      if (in_several(reg, loop, parts)) kept.emplace_back(reg, copy_of(reg, branch.line));
    for (const SplitLoop::Slice& part : parts) {
      if (&part != &parts.front())
        for (auto [reg, copy] : kept) move(reg, copy, branch.line);
      const auto start = static_cast<uint32_t>(made_.body.size());
      for (uint32_t i = 0; i < loop.count(); ++i)
        if (SplitLoop::has(part, i)) made_.body.push_back(loop.at(i));
      made_.body.push_back(branch);
      made_.body.back().operands[0].index = new_label(start);
    }
  }

  ptx::Function finish() {
    moved_.back() = static_cast<uint32_t>(made_.body.size());
    for (size_t i = 0; i < from_.labels.size(); ++i) made_.labels[i] = moved_.at(from_.labels[i]);
    return std::move(made_);
  }

 private:
  static bool in_several(uint32_t reg, const SplitLoop& loop, const std::vector<SplitLoop::Slice>& parts) {
    return std::ranges::count_if(parts, [&](auto& part) { return loop.carried(part).contains(reg); }) > 1;
  }
  uint32_t copy_of(uint32_t reg, uint32_t line) {
    made_.registers.push_back({from_.registers[reg].name + "'", from_.registers[reg].type});
    const auto copy = static_cast<uint32_t>(made_.registers.size() - 1);
    move(copy, reg, line);
    return copy;
  }
  void move(uint32_t to, uint32_t from, uint32_t line) {
    Instruction made;
    made.opcode = Opcode::mov;
    made.modifiers.type = from_.registers[std::min(to, from)].type;
    made.modifiers.types = {made.modifiers.type};
    made.destinations = 1;
    made.line = line;
    made.operands.resize(2);
    for (Operand& operand : made.operands) operand.kind = Operand::reg;
    made.operands[0].index = to;
    made.operands[1].index = from;
    made_.body.push_back(made);
  }
  uint32_t new_label(uint32_t at) {
    made_.labels.push_back(at);
    made_.label_names.push_back("");
    return static_cast<uint32_t>(made_.labels.size() - 1);
  }

  const ptx::Function& from_;
  ptx::Function made_;
  std::vector<uint32_t> moved_;  // by instruction: where it has gone
};

}  // namespace

std::optional<ptx::Function> split_loops(const ptx::Function& kernel, Grouping grouping, VectorRegisters registers) {
  ControlFlow flow = control_flow(kernel);
  Uniformity shapes = uniformity(kernel, flow, grouping);
  Liveness liveness(kernel, flow);
  Rewriting rewriting(kernel);
  bool any = false;
  for (uint32_t block = 0; block < flow.blocks.size(); ++block) {
    const Block& range = flow.blocks[block];
    const bool reached = std::ranges::count(flow.order, block);
    if (reached && SplitLoop::possible(kernel, range, shapes)) {
      SplitLoop loop(kernel, range, shapes, grouping.lanes, registers);
      auto parts = loop.parts(liveness.behind(block, range.last - 1));
      if (parts.size() > 1) {
        rewriting.split(range, loop, parts);
        any = true;
        continue;
      }
    }
    for (uint32_t i = range.first; i < range.last; ++i) rewriting.copy(i);
  }
  if (!any) return std::nullopt;
  return rewriting.finish();
}

}  // namespace software
