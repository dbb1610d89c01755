// The rules of updates, and updates of whole graphs.
#include "client/cuda/graph/update.h"

#include <algorithm>
#include <unordered_map>

#include "client/cuda/functions.h"
#include "client/cuda/modules.h"

namespace client::graph {
namespace {

bool is_cooperative(const KernelWork& work) {
  return work.shape.cooperative || std::ranges::any_of(work.attributes, [](const CUlaunchAttribute& attribute) {
           return attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && attribute.value.cooperative;
         });
}

struct Rules {
  CUgraphExecUpdateResult operator()(const KernelWork& was, const KernelWork& now) const {
    const Function *before = find_function(was.function), *after = find_function(now.function);
    if (before && after && before->module->context != after->module->context)
      return CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE;
    return is_cooperative(was) == is_cooperative(now) ? CU_GRAPH_EXEC_UPDATE_SUCCESS
                                                      : CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED;
  }
  CUgraphExecUpdateResult operator()(const CopyWork& was, const CopyWork& now) const {
    bool same = was.copy.srcMemoryType == now.copy.srcMemoryType && was.copy.dstMemoryType == now.copy.dstMemoryType;
    return same ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
  }
  CUgraphExecUpdateResult operator()(const FillWork& was, const FillWork& now) const {
    bool flat = was.fill.height <= 1 && now.fill.height <= 1;
    bool same = was.fill.height == now.fill.height && was.fill.width == now.fill.width &&
                was.fill.pitch == now.fill.pitch && was.fill.elementSize == now.fill.elementSize;
    return flat || same ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
  }
  CUgraphExecUpdateResult operator()(const AllocateWork& was, const AllocateWork& now) const {
    return was.block == now.block ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED;
  }
  CUgraphExecUpdateResult operator()(const FreeWork& was, const FreeWork& now) const {
    return was.block == now.block ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED;
  }
  CUgraphExecUpdateResult operator()(const ConditionalWork& was, const ConditionalWork& now) const {
    bool same = was.params.handle == now.params.handle && was.params.type == now.params.type &&
                was.bodies.size() == now.bodies.size();
    return same ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
  }
  template <class Same>
  CUgraphExecUpdateResult operator()(const Same&, const Same&) const {
    return CU_GRAPH_EXEC_UPDATE_SUCCESS;
  }
  template <class Was, class Now>
  CUgraphExecUpdateResult operator()(const Was&, const Now&) const {
    return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
  }
};

bool differ(CUgraphExecUpdateResultInfo& info, CUgraphExecUpdateResult result, const Node* node,
            const Node* from = nullptr) {
  info = {result, node ? handle_of(node) : nullptr, from ? handle_of(from) : nullptr};
  return false;
}

std::vector<Node*> last_nodes(const Graph& graph) {
  std::vector<Node*> last;
  for (const auto& node : graph.nodes)
    if (node->dependents.empty()) last.push_back(node.get());
  return last;
}

// The graphs in two paired nodes.
bool pair_inner(const Node& was, const Node& now, std::vector<std::pair<Node*, Node*>>& pairs,
                CUgraphExecUpdateResultInfo& info) {
  auto *child = std::get_if<ChildWork>(&was.work), *new_child = std::get_if<ChildWork>(&now.work);
  if (child && new_child) return pair_nodes(*child->graph, *new_child->graph, pairs, info);
  auto *conditional = std::get_if<ConditionalWork>(&was.work), *other = std::get_if<ConditionalWork>(&now.work);
  for (size_t i = 0; conditional && other && i < std::min(conditional->bodies.size(), other->bodies.size()); ++i)
    if (!pair_nodes(*conditional->bodies[i], *other->bodies[i], pairs, info)) return false;
  return true;
}

}  // namespace

CUgraphExecUpdateResult check_change(const Work& was, const Work& now) { return std::visit(Rules{}, was, now); }

bool pair_nodes(const Graph& was, const Graph& now, std::vector<std::pair<Node*, Node*>>& pairs,
                CUgraphExecUpdateResultInfo& info) {
  constexpr auto changed = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  if (was.nodes.size() != now.nodes.size()) return differ(info, changed, nullptr);
  std::vector<Node*> old_last = last_nodes(was), new_last = last_nodes(now);
  if (old_last.size() != new_last.size()) return differ(info, changed, new_last.empty() ? nullptr : new_last.back());
  std::unordered_map<const Node*, Node*> old_of, new_of;
  std::vector<std::pair<Node*, Node*>> found;
  auto pair = [&](Node* before, Node* after) {
    auto [at, fresh] = old_of.emplace(after, before);
    bool unused = new_of.emplace(before, after).second;
    if (fresh && unused) found.emplace_back(before, after);
    return fresh ? unused : at->second == before;
  };
  for (size_t i = 0; i < old_last.size(); ++i) pair(old_last[i], new_last[i]);
  for (size_t i = 0; i < found.size(); ++i) {
    auto [before, after] = found[i];
    if (before->type() != after->type()) return differ(info, CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, after);
    if (before->dependencies.size() != after->dependencies.size()) return differ(info, changed, after);
    for (size_t edge = 0; edge < after->dependencies.size(); ++edge)
      if (!pair(before->dependencies[edge].before, after->dependencies[edge].before))
        return differ(info, changed, after, after->dependencies[edge].before);
  }
  pairs.insert(pairs.end(), found.begin(), found.end());
  for (auto [before, after] : found)
    if (!pair_inner(*before, *after, pairs, info)) return false;
  return true;
}

CUresult update(Exec& exec, const Graph& graph, CUgraphExecUpdateResultInfo& info) {
  std::vector<std::pair<Node*, Node*>> pairs;
  if (!pair_nodes(*exec.graph, graph, pairs, info)) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  for (auto [was, now] : pairs)
    if (auto result = check_change(was->work, now->work)) {
      differ(info, result, now);
      return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    }
  for (auto [was, now] : pairs)
    if (was->type() != CU_GRAPH_NODE_TYPE_GRAPH && was->type() != CU_GRAPH_NODE_TYPE_CONDITIONAL)
      was->work = copy(now->work);
  exec.graph->conditions = graph.conditions;
  exec.changed = true;
  info = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
  return CUDA_SUCCESS;
}

}  // namespace client::graph

using namespace client::graph;

OUTBOARD_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph,
                                              CUgraphExecUpdateResultInfo* resultInfo) {
  Hold hold;
  Exec* exec = find(hGraphExec);
  Graph* graph = find(hGraph);
  CUgraphExecUpdateResultInfo unread, &info = resultInfo ? *resultInfo : unread;
  info = {CU_GRAPH_EXEC_UPDATE_ERROR, nullptr, nullptr};
  if (!exec || !graph || graph->captures) return CUDA_ERROR_INVALID_VALUE;
  return update(*exec, *graph, info);
}

OUTBOARD_EXPORT CUresult cuGraphExecUpdate(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphNode* hErrorNode_out,
                                           CUgraphExecUpdateResult* updateResult_out) {
  CUgraphExecUpdateResultInfo info;
  CUresult result = cuGraphExecUpdate_v2(hGraphExec, hGraph, &info);
  if (hErrorNode_out) *hErrorNode_out = info.errorNode;
  if (updateResult_out) *updateResult_out = info.result;
  return result;
}
