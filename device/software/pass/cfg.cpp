// Dominators by the iteration of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
#include "device/software/pass/cfg.h"

#include <algorithm>
#include <utility>

namespace software {
namespace {

using ptx::Opcode;

bool ends_block(const ptx::Instruction& instruction) {
  return instruction.opcode == Opcode::bra || instruction.opcode == Opcode::brx || instruction.opcode == Opcode::ret ||
         instruction.opcode == Opcode::exit || instruction.opcode == Opcode::trap;
}

std::vector<uint32_t> block_starts(const ptx::Function& function, bool meetings) {
  auto size = static_cast<uint32_t>(function.body.size());
  std::vector<bool> starts(size + 1, false);
  starts[0] = true;
  for (uint32_t label : function.labels)
    if (label <= size) starts[label] = true;
  for (uint32_t i = 0; i < size; ++i)
    if (ends_block(function.body[i])) starts[i + 1] = true;
  for (uint32_t i = 0; meetings && i < size; ++i)
    if (is_meeting(function.body[i])) starts[i] = true;
  std::vector<uint32_t> list;
  for (uint32_t i = 0; i < size; ++i)
    if (starts[i]) list.push_back(i);
  return list;
}

class Builder {
 public:
  Builder(const ptx::Function& function, bool meetings) : function_(function), meetings_(meetings) {}

  ControlFlow build() {
    make_blocks();
    for (uint32_t block = 0; block < graph_.blocks.size(); ++block) connect(block);
    return std::move(graph_);
  }

 private:
  void make_blocks() {
    auto starts = block_starts(function_, meetings_);
    block_of_.resize(function_.body.size() + 1, no_block);
    for (size_t i = 0; i < starts.size(); ++i) {
      uint32_t last = i + 1 < starts.size() ? starts[i + 1] : static_cast<uint32_t>(function_.body.size());
      block_of_[starts[i]] = static_cast<uint32_t>(i);
      graph_.blocks.push_back({starts[i], last, {}, {}});
    }
  }

  void edge(uint32_t from, uint32_t instruction) {
    uint32_t to = block_of_[instruction];  // no_block: falls off the end, which is a return
    auto& successors = graph_.blocks[from].successors;
    if (to == no_block || std::find(successors.begin(), successors.end(), to) != successors.end()) return;
    successors.push_back(to);
    graph_.blocks[to].predecessors.push_back(from);
  }

  void connect(uint32_t block) {
    uint32_t last = graph_.blocks[block].last;
    const ptx::Instruction& end = function_.body[last - 1];
    if (end.opcode == Opcode::bra || end.opcode == Opcode::brx)
      for (const ptx::Operand& operand : end.operands)
        if (operand.kind == ptx::Operand::label) edge(block, function_.labels[operand.index]);
    if (!ends_block(end) || end.guard.reg >= 0) edge(block, last);
  }

  const ptx::Function& function_;
  const bool meetings_;
  ControlFlow graph_;
  std::vector<uint32_t> block_of_;  // by instruction: the block that starts there
};

// Reverse postorder from `root`, without recursion: kernels have thousands of blocks.
template <class Next>
std::vector<uint32_t> reverse_postorder(uint32_t root, size_t nodes, Next next) {
  std::vector<uint32_t> order;
  std::vector<bool> seen(nodes, false);
  std::vector<std::pair<uint32_t, size_t>> stack{{root, 0}};
  seen[root] = true;
  while (!stack.empty()) {
    auto [node, child] = stack.back();
    const std::vector<uint32_t>& children = next(node);
    if (child == children.size()) {
      order.push_back(node);
      stack.pop_back();
      continue;
    }
    ++stack.back().second;
    if (uint32_t to = children[child]; !seen[to]) {
      seen[to] = true;
      stack.push_back({to, 0});
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

template <class Before>
std::vector<uint32_t> immediate_dominators(const std::vector<uint32_t>& order, size_t nodes, Before before) {
  std::vector<uint32_t> place(nodes, no_block), dominator(nodes, no_block);
  for (uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  uint32_t root = order[0];
  dominator[root] = root;
  auto meet = [&](uint32_t a, uint32_t b) {
    while (a != b) (place[a] > place[b] ? a : b) = dominator[place[a] > place[b] ? a : b];
    return a;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 1; i < order.size(); ++i) {
      uint32_t found = no_block;
      for (uint32_t from : before(order[i]))
        if (place[from] != no_block && dominator[from] != no_block)
          found = found == no_block ? from : meet(found, from);
      changed |= std::exchange(dominator[order[i]], found) != found;
    }
  }
  dominator[root] = no_block;
  return dominator;
}

// Post-dominators are dominators of the reversed graph, from one virtual end behind every block that leaves.
std::vector<uint32_t> post_dominators(const std::vector<Block>& blocks) {
  auto end = static_cast<uint32_t>(blocks.size());
  std::vector<std::vector<uint32_t>> before(end + 1), after(end + 1);
  for (uint32_t block = 0; block < end; ++block) {
    after[block] = blocks[block].successors;
    if (after[block].empty()) after[block].push_back(end);
    for (uint32_t to : after[block]) before[to].push_back(block);
  }
  auto order =
      reverse_postorder(end, end + 1, [&](uint32_t node) -> const std::vector<uint32_t>& { return before[node]; });
  auto found =
      immediate_dominators(order, end + 1, [&](uint32_t node) -> const std::vector<uint32_t>& { return after[node]; });
  found.pop_back();
  for (uint32_t& block : found)
    if (block == end) block = no_block;
  return found;
}

}  // namespace

bool ControlFlow::dominates(uint32_t above, uint32_t block) const {
  while (block != above && block != no_block) block = dominator[block];
  return block == above;
}

bool is_meeting(const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::bar:
    case Opcode::barrier: return !instruction.modifiers.has("arrive");
    case Opcode::elect: return true;
    default: return instruction.modifiers.sync;
  }
}

bool names_members(const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::bar:
    case Opcode::barrier: return instruction.modifiers.has("warp");
    case Opcode::shfl:
    case Opcode::vote:
    case Opcode::match:
    case Opcode::redux:
    case Opcode::elect: return true;
    default: return false;
  }
}

ControlFlow control_flow(const ptx::Function& function, bool meetings) {
  if (function.body.empty()) return {};
  ControlFlow graph = Builder(function, meetings).build();
  const auto& blocks = graph.blocks;
  graph.order = reverse_postorder(0, blocks.size(),
                                  [&](uint32_t b) -> const std::vector<uint32_t>& { return blocks[b].successors; });
  graph.dominator = immediate_dominators(
      graph.order, blocks.size(), [&](uint32_t b) -> const std::vector<uint32_t>& { return blocks[b].predecessors; });
  graph.post_dominator = post_dominators(blocks);
  return graph;
}

}  // namespace software
