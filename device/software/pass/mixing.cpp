// Liveness by the usual backward fixed point; then, for one branch, the blocks that more than one of its sides reach.
#include "device/software/pass/mixing.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Operand;

void each_register(const Operand& operand, const std::function<void(uint32_t)>& visit) {
  if (operand.kind == Operand::reg) visit(operand.index);
  if (operand.kind == Operand::address && operand.base_kind == Operand::reg) visit(operand.index);
  for (const Operand& element : operand.elements) each_register(element, visit);
}

}  // namespace

void each_source(const Instruction& instruction, const std::function<void(uint32_t)>& visit) {
  for (size_t i = instruction.destinations; i < instruction.operands.size(); ++i)
    each_register(instruction.operands[i], visit);
  for (const Operand& operand : instruction.arguments) each_register(operand, visit);
  if (instruction.guard.reg >= 0) visit(static_cast<uint32_t>(instruction.guard.reg));
}

void each_definition(const Instruction& instruction, const std::function<void(uint32_t)>& visit) {
  for (size_t i = 0; i < instruction.destinations; ++i) each_register(instruction.operands[i], visit);
  for (const Operand& operand : instruction.results) each_register(operand, visit);
}

Mixing::Mixing(const ptx::Function& function, const ControlFlow& flow) : function_(function), flow_(flow) {
  std::vector<uint32_t> place(flow.blocks.size(), no_block);
  for (uint32_t i = 0; i < flow.order.size(); ++i) place[flow.order[i]] = i;
  for (uint32_t from : flow.order)
    for (uint32_t to : flow.blocks[from].successors)
      if (place[to] <= place[from] && !flow.dominates(to, from)) reducible_ = false;
  if (reducible_) find_live();
}

void Mixing::find_live() {
  size_t words = (function_.registers.size() + 63) / 64;
  size_t count = flow_.blocks.size();
  std::vector<Bits> used(count, Bits(words)), written(count, Bits(words));
  live_.assign(count, Bits(words));
  definitions_.resize(count);
  auto set = [](Bits& bits, uint32_t reg) { bits[reg / 64] |= uint64_t{1} << (reg % 64); };
  auto has = [](const Bits& bits, uint32_t reg) { return (bits[reg / 64] >> (reg % 64) & 1) != 0; };
  for (uint32_t block : flow_.order) {
    Bits any(words);
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i) {
      const Instruction& instruction = function_.body[i];
      each_source(instruction, [&](uint32_t reg) {
        if (!has(written[block], reg)) set(used[block], reg);
      });
      each_definition(instruction, [&](uint32_t reg) {
        if (instruction.guard.reg < 0) set(written[block], reg);
        if (!has(any, reg)) definitions_[block].push_back(reg);
        set(any, reg);
      });
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto at = flow_.order.rbegin(); at != flow_.order.rend(); ++at) {
      Bits out(words);
      for (uint32_t next : flow_.blocks[*at].successors)
        for (size_t w = 0; w < words; ++w) out[w] |= live_[next][w];
      for (size_t w = 0; w < words; ++w) {
        uint64_t in = used[*at][w] | (out[w] & ~written[*at][w]);
        changed |= in != live_[*at][w];
        live_[*at][w] = in;
      }
    }
  }
}

// By block: the sides of the branch that lead there before they meet, a bit for each; the last bit is for all sides
// from the 64th on.
std::vector<uint64_t> Mixing::sides(uint32_t branch, uint32_t meeting) const {
  std::vector<uint64_t> reached(flow_.blocks.size(), 0);
  uint64_t side = 1;
  for (uint32_t first : flow_.blocks[branch].successors) {
    std::vector<bool> seen(flow_.blocks.size(), false);
    std::vector<uint32_t> todo{first};
    while (!todo.empty()) {
      uint32_t block = todo.back();
      todo.pop_back();
      if (seen[block]) continue;
      seen[block] = true;
      reached[block] |= side;
      if (block == meeting) continue;
      for (uint32_t next : flow_.blocks[block].successors) todo.push_back(next);
    }
    side = side >> 63 ? side : side << 1;
  }
  return reached;
}

// Two ways to mix: lanes of several sides come to `to`, or those that go there wait while lanes of another side run
// `from`.
void Mixing::mixed_by(uint32_t branch, const std::vector<bool>& region, uint32_t meeting,
                      const std::function<void(uint32_t)>& visit) const {
  auto reached = sides(branch, meeting);
  auto several = [](uint64_t bits) { return (bits & (bits - 1)) != 0 || bits >> 63; };
  bool repeats = region[branch];  // lanes that leave a loop keep what their last turn wrote
  for (uint32_t from : flow_.order) {
    if (!region[from]) continue;
    for (uint32_t to : flow_.order) {
      if (!reached[to] || !several(reached[from] | reached[to])) continue;
      if (!repeats && from != to && flow_.dominates(from, to)) continue;
      for (uint32_t reg : definitions_[from])
        if (live_at(to, reg)) visit(reg);
    }
  }
}

}  // namespace software
