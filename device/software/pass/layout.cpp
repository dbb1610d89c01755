// Strongly connected components (Tarjan 1972), taken apart again after cutting the edges into each header
// (the loop-nesting forest of Steensgaard).
#include "device/software/pass/layout.h"

#include <algorithm>

namespace software {
namespace {

class Builder {
 public:
  explicit Builder(const ControlFlow& flow)
      : flow_(flow), inside_(flow.blocks.size(), 0), cut_(flow.blocks.size(), false) {}

  Layout run() {
    level_ = 1;
    for (uint32_t block : flow_.order) inside_[block] = 1;
    place(flow_.order, 1);
    return std::move(layout_);
  }

 private:
  using Component = std::vector<uint32_t>;

  // Places `blocks` (in reverse postorder), all of which carry `level`.
  void place(const std::vector<uint32_t>& blocks, uint32_t level) {
    for (Component& component : components(blocks, level)) {
      if (component.size() == 1 && !loops_to_itself(component[0])) {
        layout_.order.push_back(component[0]);
        continue;
      }
      uint32_t header = component[0];
      Region region{header, static_cast<uint32_t>(layout_.order.size()), 0};
      uint32_t inner = ++level_;
      for (uint32_t block : component) inside_[block] = inner;
      cut_[header] = true;
      place(component, inner);
      region.last = static_cast<uint32_t>(layout_.order.size());
      layout_.regions.push_back(region);
    }
  }

  bool loops_to_itself(uint32_t block) const {
    const auto& next = flow_.blocks[block].successors;
    return !cut_[block] && std::ranges::find(next, block) != next.end();
  }

  // Components in topological order, each in reverse postorder. Iterative: functions can be long.
  std::vector<Component> components(const std::vector<uint32_t>& blocks, uint32_t level) {
    size_t count = flow_.blocks.size();
    std::vector<uint32_t> index(count, 0), low(count, 0), position(count, 0);
    std::vector<bool> on_stack(count, false);
    for (size_t i = 0; i < blocks.size(); ++i) position[blocks[i]] = static_cast<uint32_t>(i);
    struct Visit {
      uint32_t block;
      size_t next;
    };
    std::vector<Visit> visits;
    std::vector<uint32_t> stack;
    std::vector<Component> found;
    uint32_t counter = 0;
    auto enter = [&](uint32_t block) {
      index[block] = low[block] = ++counter;
      stack.push_back(block);
      on_stack[block] = true;
      visits.push_back({block, 0});
    };
    for (uint32_t root : blocks) {
      if (index[root]) continue;
      enter(root);
      while (!visits.empty()) {
        Visit& visit = visits.back();
        const auto& next = flow_.blocks[visit.block].successors;
        if (visit.next < next.size()) {
          uint32_t to = next[visit.next++];
          if (inside_[to] != level || cut_[to]) continue;
          if (!index[to])
            enter(to);
          else if (on_stack[to])
            low[visit.block] = std::min(low[visit.block], index[to]);
          continue;
        }
        uint32_t done = visit.block;
        visits.pop_back();
        if (!visits.empty()) low[visits.back().block] = std::min(low[visits.back().block], low[done]);
        if (low[done] != index[done]) continue;
        Component component;
        for (uint32_t block = no_block; block != done;) {
          block = stack.back();
          stack.pop_back();
          on_stack[block] = false;
          component.push_back(block);
        }
        std::ranges::sort(component, {}, [&](uint32_t block) { return position[block]; });
        found.push_back(std::move(component));
      }
    }
    std::ranges::reverse(found);
    return found;
  }

  const ControlFlow& flow_;
  std::vector<uint32_t> inside_;  // level of the component that holds the block
  std::vector<bool> cut_;         // edges to it lead back
  uint32_t level_ = 0;
  Layout layout_;
};

}  // namespace

Layout lay_out(const ControlFlow& flow) { return Builder(flow).run(); }

}  // namespace software
