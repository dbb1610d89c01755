// Handles of conditions: each is the address of 32 bits of device memory, which cudaGraphSetConditional stores into.
#include "client/cuda/graph/conditional.h"

#include <algorithm>
#include <map>
#include <vector>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace client::graph {
namespace {

constexpr size_t slots_at_once = 64;

// Slots of one context that nobody uses. A page of them is asked for when they run out, and stays.
std::map<const Context*, std::vector<CUdeviceptr>>& free_slots() {
  static auto* all = new std::map<const Context*, std::vector<CUdeviceptr>>;
  return *all;
}

CUresult take_slot(CUdeviceptr& slot) {
  auto& slots = free_slots()[current()];
  if (slots.empty()) {
    CUdeviceptr first = 0;
    if (CUresult result = remote::cuMemAlloc_v2(&first, slots_at_once * sizeof(uint32_t))) return result;
    for (size_t i = slots_at_once; i-- > 0;) slots.push_back(first + i * sizeof(uint32_t));
  }
  slot = slots.back();
  slots.pop_back();
  return CUDA_SUCCESS;
}

const Graph& outermost(const Graph& graph) {
  const Graph* at = &graph;
  while (at->owner) at = at->owner->graph;
  return *at;
}

bool knows(const Graph& graph, CUgraphConditionalHandle handle) {
  return std::ranges::any_of(graph.conditions, [&](const auto& condition) { return condition->handle == handle; });
}

}  // namespace

CUresult read(Graph& graph, CUDA_CONDITIONAL_NODE_PARAMS& params, ConditionalWork& work) {
  unsigned most = params.type == CU_GRAPH_COND_TYPE_IF ? 2 : params.type == CU_GRAPH_COND_TYPE_WHILE ? 1 : UINT16_MAX;
  if (params.type > CU_GRAPH_COND_TYPE_SWITCH || params.size == 0 || params.size > most)
    return CUDA_ERROR_INVALID_VALUE;
  if (!knows(outermost(graph), params.handle) && !knows(graph, params.handle)) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < params.size; ++i) {
    work.bodies.push_back(std::make_unique<Graph>());
    work.handles.push_back(handle_of(work.bodies.back().get()));
  }
  params.phGraph_out = work.handles.data();
  work.params = params;
  return CUDA_SUCCESS;
}

bool has_conditions(const Graph& graph) {
  bool has = false;
  each_node(graph, [&](Node& node) { has |= node.type() == CU_GRAPH_NODE_TYPE_CONDITIONAL; });
  return has;
}

bool conditions_are_used(const Graph& graph) {
  return std::ranges::all_of(graph.conditions, [&](const auto& condition) {
    bool used = false;
    each_node(graph, [&](Node& node) {
      auto* work = std::get_if<ConditionalWork>(&node.work);
      used |= work && work->params.handle == condition->handle;
    });
    return used;
  });
}

void forget_conditions(const Context& context) {
  Hold hold;
  free_slots().erase(&context);
}

}  // namespace client::graph

using namespace client::graph;

OUTBOARD_EXPORT CUresult cuGraphConditionalHandleCreate(CUgraphConditionalHandle* pHandle_out, CUgraph hGraph,
                                                        CUcontext ctx, unsigned int defaultLaunchValue,
                                                        unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  Hold hold;
  Graph* graph = find(hGraph);
  if (!pHandle_out || !graph || flags > 1) return CUDA_ERROR_INVALID_VALUE;
  if (ctx && client::find_context(ctx) != client::current()) return CUDA_ERROR_NOT_SUPPORTED;
  const client::Context* owner = client::current();
  CUdeviceptr slot = 0;
  if (CUresult result = take_slot(slot)) return result;
  auto give_back = [owner, number = owner->number](Condition* condition) {
    if (owner->number == number) free_slots()[owner].push_back(condition->handle);  // the context is still the same
    std::unique_ptr<Condition> own(condition);
  };
  auto condition = std::make_unique<Condition>(Condition{slot, defaultLaunchValue, flags});
  graph->conditions.emplace_back(condition.release(), give_back);
  *pHandle_out = slot;
  return CUDA_SUCCESS;
}
