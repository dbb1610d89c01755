// For one branch, the blocks that more than one of its sides reach.
#include "device/software/pass/mixing.h"

namespace software {

Mixing::Mixing(const ptx::Function& function, const ControlFlow& flow)
    : function_(function), flow_(flow), live_(function, flow) {
  std::vector<uint32_t> place(flow.blocks.size(), no_block);
  for (uint32_t i = 0; i < flow.order.size(); ++i) place[flow.order[i]] = i;
  for (uint32_t from : flow.order)
    for (uint32_t to : flow.blocks[from].successors)
      if (place[to] <= place[from] && !flow.dominates(to, from)) reducible_ = false;
  find_definitions();
}

void Mixing::find_definitions() {
  definitions_.resize(flow_.blocks.size());
  std::vector<uint32_t> seen_in(function_.registers.size(), no_block);
  for (uint32_t block : flow_.order)
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i)
      each_definition(function_.body[i], [&](uint32_t reg) {
        if (seen_in[reg] != block) definitions_[block].push_back(reg);
        seen_in[reg] = block;
      });
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
        if (live_.at_start(to, reg)) visit(reg);
    }
  }
}

}  // namespace software
