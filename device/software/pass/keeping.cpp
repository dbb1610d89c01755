// A way is a run of blocks each of which has but the one before it to come from and the one behind it to go to, or
// itself. In a block that loops to itself nothing is kept or restored, since that would be done again and again.
#include "device/software/pass/keeping.h"

#include <algorithm>

#include "device/software/pass/liveness.h"
#include "device/software/pass/wanting.h"

namespace software {
namespace {

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
  restore_where_wanted(function, flow, stages);
  Ways ways(function, flow, uniformity, written, stages);
  for (uint32_t block : flow.order)
    for (uint32_t i = flow.blocks[block].first; i < flow.blocks[block].last; ++i) {
      if (!stages.barriers[i]) continue;
      ways.restore_behind(block, i);
      ways.keep_before(block, i);
    }
}

}  // namespace software
