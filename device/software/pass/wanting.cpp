#include "device/software/pass/wanting.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "device/software/pass/liveness.h"

namespace software {
namespace {

class Wanting {
 public:
  Wanting(const ptx::Function& function, const ControlFlow& flow, Stages& stages)
      : flow_(flow), stages_(stages), touches_(function.body.size()) {
    for (uint32_t i = 0; i < function.body.size(); ++i) {
      auto touch = [&](uint32_t reg) { touches_[i].push_back(reg); };
      each_source(function.body[i], touch);
      each_definition(function.body[i], touch);
      if (!stages.skips[i]) continue;
      // What is decided behind the barrier is foreseen there.
      for (uint32_t k = i + 1; k <= stages.skips[i]->branch; ++k) each_source(function.body[k], touch);
    }
    for (uint32_t block = 0; block < flow.blocks.size(); ++block) again_.push_back(comes_again(block));
  }

  // Fills in where the register is restored and that it is `late`, if it can be.
  void place(uint32_t reg) {
    barriers_.clear(), blocks_.clear();
    seen_.assign(flow_.blocks.size(), false);
    for (uint32_t block : flow_.order)
      for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i)
        if (stages_.barriers[i] && std::ranges::count(stages_.kept[i], reg)) follow(reg, block, i);
    if (std::ranges::any_of(blocks_, [&](uint32_t block) { return again_[block]; })) return;
    stages_.late[reg] = true;
    for (uint32_t barrier : barriers_) stages_.restored[barrier].push_back(reg);
    for (uint32_t block : blocks_) stages_.restored_at[block].push_back(reg);
  }

 private:
  enum class End { wanted, barrier, block };
  // What comes first from that instruction on.
  End look(uint32_t reg, uint32_t block, uint32_t from) const {
    for (uint32_t i = from; i < flow_.blocks[block].last; ++i) {
      if (std::ranges::count(touches_[i], reg)) return End::wanted;
      if (stages_.barriers[i]) return End::barrier;
    }
    return End::block;
  }

  void follow(uint32_t reg, uint32_t block, uint32_t barrier) {
    End end = look(reg, block, barrier + 1);
    if (end == End::wanted) barriers_.push_back(barrier);
    std::vector<uint32_t> ways;
    auto go_on = [&](uint32_t from) {
      for (uint32_t next : flow_.blocks[from].successors) {
        if (seen_[next]) continue;
        seen_[next] = true;
        ways.push_back(next);
      }
    };
    if (end == End::block) go_on(block);
    while (!ways.empty()) {
      const uint32_t at = ways.back();
      ways.pop_back();
      end = look(reg, at, flow_.blocks[at].first);
      if (end == End::wanted) blocks_.push_back(at);
      if (end == End::block) go_on(at);
    }
  }

  bool has_barrier(uint32_t block) const {
    for (uint32_t i = flow_.blocks[block].first; i < flow_.blocks[block].last; ++i)
      if (stages_.barriers[i]) return true;
    return false;
  }

  // A way leads from the block back to it, without barriers.
  bool comes_again(uint32_t block) const {
    if (has_barrier(block)) return false;
    std::vector<bool> seen(flow_.blocks.size(), false);
    std::vector<uint32_t> ways{block};
    while (!ways.empty()) {
      const uint32_t at = ways.back();
      ways.pop_back();
      for (uint32_t next : flow_.blocks[at].successors) {
        if (next == block) return true;
        if (seen[next] || has_barrier(next)) continue;
        seen[next] = true;
        ways.push_back(next);
      }
    }
    return false;
  }

  const ControlFlow& flow_;
  Stages& stages_;
  std::vector<std::vector<uint32_t>> touches_;  // by instruction
  std::vector<bool> again_, seen_;              // by block
  std::vector<uint32_t> barriers_, blocks_;
};

}  // namespace

void restore_where_wanted(const ptx::Function& function, const ControlFlow& flow, Stages& stages) {
  Wanting wanting(function, flow, stages);
  for (uint32_t reg = 0; reg < stages.once.size(); ++reg)
    if (stages.once[reg]) wanting.place(reg);
}

}  // namespace software
