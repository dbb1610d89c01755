// A way is a run of blocks each of which has but the one before it to come from and the one behind it to go to, or
// itself. In a block that loops to itself nothing is kept or restored, since that would be done again and again.
// A register that is kept where it is written can be restored anywhere: it is so where it is wanted, on whatever ways
// one comes there from barriers, unless that would be done again and again.
#include "device/software/pass/keeping.h"

#include <algorithm>

#include "device/software/pass/liveness.h"

namespace software {
namespace {

// Where a register is wanted that is restored where it is wanted.
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

class Ways {
 public:
  Ways(const ptx::Function& function, const ControlFlow& flow, const Uniformity& uniformity,
       const std::vector<std::vector<uint64_t>>& written, Stages& stages)
      : function_(function), flow_(flow), uniformity_(uniformity), written_(written), stages_(stages) {}

  void restore_behind(uint32_t block, uint32_t barrier) {
    std::vector<uint32_t> left = stages_.kept[barrier];
    std::erase_if(left, [&](uint32_t reg) { return stages_.late[reg]; });
    std::vector<uint32_t>* place = &stages_.restored[barrier];
    uint32_t first = barrier + 1, last = first_barrier(block, first);
    take_touched(left, first, last, *place);
    const bool again = loops(block);  // round to before the barrier
    while (!again && last == flow_.blocks[block].last) {
      const uint32_t next = only_way(block, true);
      if (next == no_block) break;
      if (!loops(next)) place = &stages_.restored_at[next];
      block = next;
      first = flow_.blocks[block].first;
      last = first_barrier(block, first);
      take_touched(left, first, last, *place);
    }
    place->insert(place->end(), left.begin(), left.end());
  }

  void keep_before(uint32_t block, uint32_t barrier) {
    std::vector<uint32_t> left = std::move(stages_.changed[barrier]);
    stages_.changed[barrier].clear();
    std::vector<uint32_t>* place = &stages_.changed[barrier];
    uint32_t first = behind_last_barrier(block, barrier);
    take_made(left, first, barrier, *place);
    const bool again = loops(block);
    while (!again && first == flow_.blocks[block].first) {
      const uint32_t before = only_way(block, false);
      if (before == no_block) {
        keep_where_changed(left, block);
        break;
      }
      if (!loops(block)) place = &stages_.kept_at[block];
      block = before;
      first = behind_last_barrier(block, flow_.blocks[block].last);
      take_made(left, first, flow_.blocks[block].last, *place);
    }
    place->insert(place->end(), left.begin(), left.end());
  }

 private:
  bool is_barrier(uint32_t i) const { return stages_.barriers[i]; }
  bool loops(uint32_t block) const { return std::ranges::count(flow_.blocks[block].successors, block) != 0; }

  uint32_t first_barrier(uint32_t block, uint32_t from) const {
    while (from < flow_.blocks[block].last && !is_barrier(from)) ++from;
    return from;
  }
  uint32_t behind_last_barrier(uint32_t block, uint32_t end) const {
    while (end > flow_.blocks[block].first && !is_barrier(end - 1)) --end;
    return end;
  }

  static uint32_t only(const std::vector<uint32_t>& blocks, uint32_t except) {
    uint32_t found = no_block;
    for (uint32_t block : blocks) {
      if (block == except) continue;
      if (found != no_block) return no_block;
      found = block;
    }
    return found;
  }
  // The block behind this one, or before it, if nothing else leads there and away.
  uint32_t only_way(uint32_t block, bool forward) const {
    auto ahead = [&](uint32_t at) -> auto& {
      return forward ? flow_.blocks[at].successors : flow_.blocks[at].predecessors;
    };
    auto back = [&](uint32_t at) -> auto& {
      return forward ? flow_.blocks[at].predecessors : flow_.blocks[at].successors;
    };
    const uint32_t next = only(ahead(block), block);
    if (next == no_block || next == 0 || uniformity_.divergent[next] || uniformity_.divergent[block]) return no_block;
    return only(back(next), next) == block ? next : no_block;
  }

  // Several ways lead to the block, as to a loop with barriers: those of `left` that have changed on some of them only
  // are kept there, if those have nowhere else to go.
  void keep_where_changed(std::vector<uint32_t>& left, uint32_t block) {
    const auto& before = flow_.blocks[block].predecessors;
    auto changed = [&](uint32_t from, uint32_t reg) { return written_[from][reg / 64] >> reg % 64 & 1; };
    auto leads_elsewhere = [&](uint32_t from) {
      return flow_.blocks[from].successors.size() != 1 || uniformity_.divergent[from];
    };
    if (block == 0 || uniformity_.divergent[block] || before.size() < 2) return;
    std::erase_if(left, [&](uint32_t reg) {
      for (uint32_t from : before)
        if (changed(from, reg) && leads_elsewhere(from)) return false;
      for (uint32_t from : before)
        if (changed(from, reg)) stages_.kept_behind[from].push_back(reg);
      return true;
    });
  }

  // Moves those of `left` that the instructions write, or with `read` also those that they read, to `to`.
  void take(std::vector<uint32_t>& left, uint32_t first, uint32_t last, bool read, std::vector<uint32_t>& to) const {
    std::vector<bool> wanted(function_.registers.size(), false);
    for (uint32_t i = first; i < last; ++i) {
      if (read) each_source(function_.body[i], [&](uint32_t reg) { wanted[reg] = true; });
      each_definition(function_.body[i], [&](uint32_t reg) { wanted[reg] = true; });
    }
    auto rest = std::stable_partition(left.begin(), left.end(), [&](uint32_t reg) { return !wanted[reg]; });
    to.insert(to.end(), rest, left.end());
    left.erase(rest, left.end());
  }
  void take_touched(std::vector<uint32_t>& left, uint32_t first, uint32_t last, std::vector<uint32_t>& to) const {
    take(left, first, last, true, to);
  }
  void take_made(std::vector<uint32_t>& left, uint32_t first, uint32_t last, std::vector<uint32_t>& to) const {
    take(left, first, last, false, to);
  }

  const ptx::Function& function_;
  const ControlFlow& flow_;
  const Uniformity& uniformity_;
  const std::vector<std::vector<uint64_t>>& written_;
  Stages& stages_;
};

}  // namespace

void place_keeping(const ptx::Function& function, const ControlFlow& flow, const Uniformity& uniformity,
                   const std::vector<std::vector<uint64_t>>& written, Stages& stages) {
  stages.restored.resize(function.body.size());
  stages.restored_at.resize(flow.blocks.size());
  stages.kept_at.resize(flow.blocks.size());
  stages.kept_behind.resize(flow.blocks.size());
  stages.late.assign(function.registers.size(), false);
  Wanting wanting(function, flow, stages);
  for (uint32_t reg = 0; reg < stages.once.size(); ++reg)
    if (stages.once[reg]) wanting.place(reg);
  Ways ways(function, flow, uniformity, written, stages);
  for (uint32_t block : flow.order)
    for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
      if (!stages.barriers[i]) continue;
      ways.restore_behind(block, i);
      ways.keep_before(block, i);
    }
}

}  // namespace software
