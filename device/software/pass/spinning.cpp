// A loop spins if what decides about leaving it comes from memory that the loop itself does not change in a way that
// lets it end: a volatile load, a compare-and-swap against a fixed value (one against what was read before is the usual
// lock-free update, in which some lane always succeeds), an exchange of a fixed value, a test of an mbarrier.
// A loop that goes from place to place, until all of them are as it wants them, does not keep other lanes waiting: they
// are in it, too. But it may wait for other warps: it watches.
#include "device/software/pass/spinning.h"

#include "device/software/pass/instructions.h"
#include "device/software/pass/liveness.h"

namespace software {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Operand;

bool is_strong_load(const Instruction& instruction) {
  return instruction.opcode == Opcode::ld && is_strong(instruction.modifiers);
}

bool is_test(const Instruction& instruction) {
  return instruction.opcode == Opcode::mbarrier &&
         (instruction.modifiers.has("test_wait") || instruction.modifiers.has("try_wait"));
}

bool is_atomic(const Instruction& instruction) { return instruction.opcode == Opcode::atom; }

// A fence or a sleep says that plain loads beside it are meant to see what others write.
bool is_hint(const Instruction& instruction) {
  return instruction.opcode == Opcode::membar || instruction.opcode == Opcode::fence ||
         instruction.opcode == Opcode::nanosleep;
}

class Search {
 public:
  Search(const ptx::Function& function, const ControlFlow& flow, const Layout& layout)
      : function_(function), flow_(flow), layout_(layout) {}

  Spins run() {
    Spins found{std::vector<bool>(layout_.regions.size(), false), std::vector<bool>(flow_.blocks.size(), false)};
    for (size_t i = 0; i < layout_.regions.size(); ++i) look_at(layout_.regions[i], i, found);
    return found;
  }

 private:
  void look_at(const Region& region, size_t index, Spins& found) {
    std::vector<bool> inside(flow_.blocks.size(), false);
    for (uint32_t at = region.first; at < region.last; ++at) inside[layout_.order[at]] = true;
    collect_definitions(inside);
    for (uint32_t at = region.first; at < region.last; ++at) {
      uint32_t block = layout_.order[at];
      bool chooses = false;  // whether to stay in the loop or to begin it anew
      for (uint32_t next : flow_.blocks[block].successors) chooses = chooses || !inside[next] || next == region.header;
      const Instruction& branch = function_.body[flow_.blocks[block].last - 1];
      if (branch.guard.reg < 0) continue;
      const auto guard = static_cast<uint32_t>(branch.guard.reg);
      if (chooses && depends(guard, [&](const Instruction& made) { return is_poll(made); }))
        found.loops[index] = found.exits[block] = found.any = true;
      // Any branch: what it leads to may decide whether the loop goes on.
      found.watches = found.watches || depends(guard, [&](const Instruction& made) { return is_look(made); });
    }
  }

  void collect_definitions(const std::vector<bool>& inside) {
    definitions_.assign(function_.registers.size(), {});
    hinted_ = false;
    for (uint32_t block : flow_.order) {
      if (!inside[block]) continue;
      for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i) {
        hinted_ = hinted_ || is_hint(function_.body[i]);
        each_definition(function_.body[i], [&](uint32_t reg) { definitions_[reg].push_back(i); });
      }
    }
  }

  // Does the register depend on an instruction of that kind within the loop?
  bool depends(uint32_t reg, const std::function<bool(const Instruction&)>& is_kind) const {
    std::vector<bool> seen(function_.registers.size(), false);
    std::vector<uint32_t> todo{reg};
    seen[reg] = true;
    while (!todo.empty()) {
      uint32_t now = todo.back();
      todo.pop_back();
      for (uint32_t i : definitions_[now]) {
        if (is_kind(function_.body[i])) return true;
        each_source(function_.body[i], [&](uint32_t source) {
          if (!seen[source]) todo.push_back(source);
          seen[source] = true;
        });
      }
    }
    return false;
  }

  // It reads what others are meant to write meanwhile.
  bool is_look(const Instruction& instruction) const {
    bool hinted = hinted_ && instruction.opcode == Opcode::ld && instruction.modifiers.space != ptx::Space::param;
    return is_strong_load(instruction) || hinted;
  }

  // What is looked at again and again is one place: a search goes from place to place.
  bool is_poll(const Instruction& instruction) const {
    if (is_test(instruction)) return true;
    if (is_look(instruction)) return fixed(instruction.operands.at(1));
    if (!is_atomic(instruction) || instruction.operands.size() < 3 || !fixed(instruction.operands[1])) return false;
    const Operand& value = instruction.operands[2];
    const std::string& operation = instruction.modifiers.operation;
    if (operation == "cas" || operation == "exch") return fixed(value);
    return value.kind == Operand::integer && value.value == 0;  // a way to read
  }

  // The operand has the same value each time.
  bool fixed(const Operand& operand, unsigned depth = 0) const {
    bool in_register =
        operand.kind == Operand::reg || (operand.kind == Operand::address && operand.base_kind == Operand::reg);
    if (!in_register) return true;
    const auto& definitions = definitions_[operand.index];
    if (definitions.empty()) return true;
    constexpr unsigned deepest = 16;  // also where a value depends on itself
    const Instruction& made = function_.body[definitions[0]];
    bool reads = made.opcode == Opcode::ld && made.modifiers.space != ptx::Space::param;
    if (definitions.size() > 1 || made.guard.reg >= 0 || reads || is_atomic(made) || depth == deepest) return false;
    for (size_t i = made.destinations; i < made.operands.size(); ++i)
      if (!fixed(made.operands[i], depth + 1)) return false;
    return true;
  }

  const ptx::Function& function_;
  const ControlFlow& flow_;
  const Layout& layout_;
  std::vector<std::vector<uint32_t>> definitions_;  // by register: instructions of the loop
  bool hinted_ = false;
};

}  // namespace

Spins find_spins(const ptx::Function& function, const ControlFlow& flow, const Layout& layout) {
  return Search(function, flow, layout).run();
}

}  // namespace software
