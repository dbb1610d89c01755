// The usual backward fixed point. A write under a guard may leave the old value.
#include "device/software/pass/liveness.h"

#include <algorithm>

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

Liveness::Liveness(const ptx::Function& function, const ControlFlow& flow) : function_(function), flow_(flow) {
  size_t words = (function.registers.size() + 63) / 64;
  size_t count = flow.blocks.size();
  std::vector<Bits> used(count, Bits(words)), written(count, Bits(words));
  live_.assign(count, Bits(words));
  for (uint32_t block : flow.order)
    for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
      const Instruction& instruction = function.body[i];
      each_source(instruction, [&](uint32_t reg) {
        if (!has(written[block], reg)) set(used[block], reg);
      });
      each_definition(instruction, [&](uint32_t reg) {
        if (instruction.guard.reg < 0) set(written[block], reg);
      });
    }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto at = flow.order.rbegin(); at != flow.order.rend(); ++at) {
      Bits out = at_end(*at);
      for (size_t w = 0; w < words; ++w) {
        uint64_t in = used[*at][w] | (out[w] & ~written[*at][w]);
        changed |= in != live_[*at][w];
        live_[*at][w] = in;
      }
    }
  }
}

Liveness::Bits Liveness::at_end(uint32_t block) const {
  Bits out(live_[block].size());
  for (uint32_t next : flow_.blocks[block].successors)
    for (size_t w = 0; w < out.size(); ++w) out[w] |= live_[next][w];
  return out;
}

std::vector<uint32_t> Liveness::behind(uint32_t block, uint32_t instruction) const {
  Bits live = at_end(block);
  for (uint32_t i = flow_.blocks[block].last - 1; i > instruction; --i) step(function_.body[i], live);
  std::vector<uint32_t> found;
  for (uint32_t reg = 0; reg < function_.registers.size(); ++reg)
    if (has(live, reg)) found.push_back(reg);
  return found;
}

// What is wanted before the instruction, from what is wanted behind it.
void Liveness::step(const Instruction& instruction, Bits& live) {
  if (instruction.guard.reg < 0) each_definition(instruction, [&](uint32_t reg) { clear(live, reg); });
  each_source(instruction, [&](uint32_t reg) { set(live, reg); });
}

void Liveness::walk(uint32_t block, const std::function<void(uint32_t, bool)>& change,
                    const std::function<void()>& settled) const {
  Bits live = at_end(block);
  for (uint32_t reg = 0; reg < function_.registers.size(); ++reg)
    if (has(live, reg)) change(reg, true);
  settled();
  for (uint32_t i = flow_.blocks[block].last; i-- > flow_.blocks[block].first;) {
    const Instruction& instruction = function_.body[i];
    std::vector<uint32_t> touched;
    auto note = [&](uint32_t reg) { touched.push_back(reg); };
    each_definition(instruction, note);
    each_source(instruction, note);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    std::vector<bool> before;
    for (uint32_t reg : touched) before.push_back(has(live, reg));
    step(instruction, live);
    for (size_t k = 0; k < touched.size(); ++k)
      if (before[k] != has(live, touched[k])) change(touched[k], !before[k]);
    settled();
  }
}

}  // namespace software
