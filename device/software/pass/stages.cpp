// Everything else by which a warp may wait for another one wants it to have a stack: barriers that only some warps or
// lanes come to; clusters; warpgroups; loops that poll.
#include "device/software/pass/stages.h"

#include <algorithm>

#include "device/software/pass/instructions.h"
#include "device/software/pass/keeping.h"
#include "device/software/pass/layout.h"
#include "device/software/pass/liveness.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;
using Words = std::vector<uint64_t>;  // a bit for each register

// Registers of lanes that are kept at all barriers together: beyond, the code to keep them is too long.
constexpr size_t most_kept = 1500;

bool is_barrier(const Instruction& instruction) {
  return (instruction.opcode == Opcode::bar || instruction.opcode == Opcode::barrier) &&
         !instruction.modifiers.has("warp");
}

// PTX ISA, "bar": bar.sync and bar.red with a constant barrier and without a count are of all the block's threads.
bool is_whole(const Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  if (modifiers.has("cluster") || modifiers.has("arrive") || instruction.guard.reg >= 0) return false;
  const size_t number = is_reduction(instruction) ? 1 : 0;
  return instruction.operands.size() == (number ? 3 : 1) && instruction.operands[number].kind == Operand::integer;
}

// A caller's loop may wait for what a function looks at.
bool looks(const Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  switch (instruction.opcode) {
    case Opcode::ld: return is_strong(modifiers);
    case Opcode::mbarrier: return modifiers.has("test_wait") || modifiers.has("try_wait");
    case Opcode::atom:
    case Opcode::nanosleep: return true;
    default: return false;
  }
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
           std::ranges::any_of(function.body, [&](auto& inner) { return looks(inner) || waits(inner); });
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

// The registers that may have been written since the last barrier, or since the kernel began, of those that are wanted
// behind a barrier. Returns, by block, what may have been written where it ends.
std::vector<Words> find_changed(const ptx::Function& function, const ControlFlow& flow, Stages& stages) {
  const size_t words = function.registers.size() / 64 + 1;
  std::vector<Words> at_start(flow.blocks.size(), Words(words, 0)), at_end = at_start;
  at_start[0].assign(words, ~uint64_t{0});
  stages.changed.resize(function.body.size());
  for (bool grown = true; grown;) {
    grown = false;
    for (uint32_t block : flow.order) {
      Words written = at_start[block];
      for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
        if (stages.barriers[i]) {
          stages.changed[i].clear();
          for (uint32_t reg : stages.kept[i])
            if (written[reg / 64] >> reg % 64 & 1 && !stages.once[reg]) stages.changed[i].push_back(reg);
          written.assign(words, 0);
        }
        // What a reduction gives is written behind its barrier.
        each_definition(function.body[i], [&](uint32_t reg) { written[reg / 64] |= uint64_t{1} << reg % 64; });
      }
      for (uint32_t next : flow.blocks[block].successors)
        for (size_t word = 0; word < words; ++word) {
          uint64_t more = written[word] & ~at_start[next][word];
          grown = grown || more;
          at_start[next][word] |= more;
        }
      at_end[block] = std::move(written);
    }
  }
  return at_end;
}

// Only lane by lane: what all lanes have in common would have to be known before it is computed.
bool decides(const ptx::Function& function, const Uniformity& uniformity, const Instruction& instruction) {
  bool logic = instruction.opcode == Opcode::setp || instruction.opcode == Opcode::and_ ||
               instruction.opcode == Opcode::or_ || instruction.opcode == Opcode::xor_;
  each_definition(instruction, [&](uint32_t reg) {
    logic = logic && function.registers[reg].type == ptx::Type::pred && uniformity.varying(reg);
  });
  return logic;
}

// Between the barrier `first` and the end of its block are only comparisons and a branch, one way of which leads to a
// barrier at once: the same one by number, and one that lies further on.
std::optional<Stages::Skip> find_skip(const ptx::Function& function, const ControlFlow& flow, const Block& block,
                                      uint32_t first, const Uniformity& uniformity, const Stages& stages) {
  const uint32_t branch = block.last - 1;
  const Instruction& last = function.body[branch];
  if (first >= branch || last.opcode != Opcode::bra || last.guard.reg < 0) return std::nullopt;
  if (is_reduction(function.body[first])) return std::nullopt;
  for (uint32_t i = first + 1; i < branch; ++i)
    if (!decides(function, uniformity, function.body[i])) return std::nullopt;
  const uint32_t taken = function.labels[last.operands[0].index];
  for (uint32_t next : block.successors) {
    const uint32_t there = flow.blocks[next].first;
    bool on = block.successors.size() == 2 && there > branch && stages.barriers[there] &&
              !is_reduction(function.body[there]) &&
              barrier_number(function.body[there]) == barrier_number(function.body[first]);
    for (uint32_t i = first + 1; on && i < branch; ++i)
      each_definition(function.body[i], [&](uint32_t reg) { on = on && !std::ranges::count(stages.kept[there], reg); });
    if (on) return Stages::Skip{branch, there, there == taken};
  }
  return std::nullopt;
}

void find_skips(const ptx::Function& function, const ControlFlow& flow, const Uniformity& uniformity, Stages& stages) {
  stages.skips.resize(function.body.size());
  stages.skipped_to.assign(function.body.size(), false);
  for (uint32_t block : flow.order)
    for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
      if (!stages.barriers[i]) continue;
      stages.skips[i] = find_skip(function, flow, flow.blocks[block], i, uniformity, stages);
      if (stages.skips[i]) stages.skipped_to[stages.skips[i]->barrier] = true;
    }
}

}  // namespace

bool is_reduction(const Instruction& barrier) { return barrier.modifiers.has("red"); }

uint32_t barrier_number(const Instruction& barrier) {
  return static_cast<uint32_t>(barrier.operands[is_reduction(barrier) ? 1 : 0].value) % 16;
}

Stages find_stages(const ptx::Module& module, const ptx::Function& function, const ControlFlow& flow,
                   const Uniformity& uniformity, const Spins& spins) {
  bool plain =
      function.is_entry && !spins.any && !spins.watches && std::ranges::none_of(function.body, uses_stack_or_carry);
  if (!plain) return {};
  Search search(module);
  Liveness liveness(function, flow);
  Stages stages;
  stages.kept.resize(function.body.size());
  stages.barriers.assign(function.body.size(), false);
  size_t kept = 0;
  for (uint32_t block : flow.order)
    for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
      const Instruction& instruction = function.body[i];
      bool barrier = is_barrier(instruction) && is_whole(instruction) && !uniformity.divergent[block];
      if (!barrier && search.waits(instruction)) return {};
      if (!barrier) continue;
      stages.barriers[i] = true;
      stages.kept[i] = liveness.behind(block, i);
      each_definition(instruction, [&](uint32_t reg) { std::erase(stages.kept[i], reg); });
      kept += std::ranges::count_if(stages.kept[i], [&](uint32_t reg) { return uniformity.varying(reg); });
    }
  if (kept > most_kept) return {};
  stages.any = true;
  stages.once = written_once(function, stages);
  auto written = find_changed(function, flow, stages);
  find_skips(function, flow, uniformity, stages);
  place_keeping(function, flow, uniformity, written, stages);
  return stages;
}

}  // namespace software
