// Making, launching and destroying executable graphs.
#include "client/cuda/graph/exec.h"

#include <algorithm>

#include "base/log.h"
#include "client/cuda/capture.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/conditional.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/graph/record.h"
#include "client/cuda/graph/user_objects.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace client::graph {
namespace {

std::unordered_map<CUgraphExec, std::unique_ptr<Exec>>& execs() {
  static auto* all = new std::unordered_map<CUgraphExec, std::unique_ptr<Exec>>;
  return *all;
}

constexpr unsigned long long known_flags =
    CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
    CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;

// Bodies of conditions may not hold everything (CUDA Programming Guide, "Conditional graph nodes").
bool allowed_in_body(const Node& node) {
  switch (node.type()) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
    case CU_GRAPH_NODE_TYPE_EMPTY:
    case CU_GRAPH_NODE_TYPE_MEMCPY:
    case CU_GRAPH_NODE_TYPE_MEMSET:
    case CU_GRAPH_NODE_TYPE_GRAPH:
    case CU_GRAPH_NODE_TYPE_CONDITIONAL: return true;
    default: return false;
  }
}

CUgraphInstantiateResult check(const Graph& graph, bool in_body, CUgraphNode& culprit) {
  if (!graph.nodes.empty() && topological_order(graph).empty()) return CUDA_GRAPH_INSTANTIATE_INVALID_STRUCTURE;
  if (graph.captures) return CUDA_GRAPH_INSTANTIATE_ERROR;
  for (const auto& node : graph.nodes) {
    culprit = handle_of(node.get());
    if (in_body && !allowed_in_body(*node)) return CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED;
    if (auto* child = std::get_if<ChildWork>(&node->work))
      if (auto result = check(*child->graph, in_body, culprit)) return result;
    if (auto* conditional = std::get_if<ConditionalWork>(&node->work))
      for (const auto& body : conditional->bodies)
        if (auto result = check(*body, true, culprit)) return result;
  }
  culprit = nullptr;
  return CUDA_GRAPH_INSTANTIATE_SUCCESS;
}

// Launches of one executable graph follow each other, also when it was recorded anew between them.
CUresult come_after_last(const Exec& exec, CUstream stream) {
  CUevent event = nullptr;
  if (exec.last_stream == stream || !is_stream(exec.last_stream)) return CUDA_SUCCESS;
  if (CUresult result = remote::cuEventCreate(&event, CU_EVENT_DISABLE_TIMING)) return result;
  CUresult result = remote::cuEventRecord(event, exec.last_stream);
  if (result == CUDA_SUCCESS) result = remote::cuStreamWaitEvent(stream, event, 0);
  remote::cuEventDestroy_v2(event);
  return result;
}

CUresult record_anew(Exec& exec, CUstream stream) {
  auto host = std::make_shared<HostSide>();
  CUgraphExec recorded = nullptr;
  if (CUresult result = record(*exec.graph, *host, false, recorded)) return result;
  if (CUresult result = come_after_last(exec, stream)) return result;
  remote::cuGraphExecDestroy(exec.recorded);
  exec.recorded = recorded;
  exec.host = std::move(host);
  exec.changed = false;
  return CUDA_SUCCESS;
}

// What a launch needs of this process, until it is done.
struct Needed {
  std::shared_ptr<HostSide> host;
  std::shared_ptr<KeptObjects> objects;
};

// Launches, and sees to it that what is needed lives until the launch is done. The function that lets go of it is
// registered first: from then on one-way calls wait, as they must while the device may ask this process for something.
CUresult launch_and_keep(const Exec& exec, CUstream stream) {
  if (!exec.host->is_needed() && exec.objects->objects.empty()) return remote::cuGraphLaunch(exec.recorded, stream);
  auto needed = std::make_unique<Needed>(Needed{exec.host, exec.objects});
  auto let_go = [](void* data) { std::unique_ptr<Needed> own(static_cast<Needed*>(data)); };
  uint64_t done = register_host_function(let_go, needed.release());
  CUresult result = remote::cuGraphLaunch(exec.recorded, stream);
  CUresult kept = remote::obHostFunction(stream, done);
  return result ? result : kept;
}

}  // namespace

KeptObjects::~KeptObjects() {
  if (objects.empty()) return;
  Hold hold;
  for (const auto& [object, count] : objects) release(object, count);
}

HostSide::~HostSide() {
  for (uint64_t number : numbers_) forget_lasting(number);
}

uint64_t HostSide::function(void (*run)(void*), void* data) {
  return numbers_.emplace_back(lasting_host_function(run, data));
}

uint64_t HostSide::transfer(void* destination, size_t size) {
  return numbers_.emplace_back(lasting_transfer(destination, size));
}

Exec* find(CUgraphExec handle) {
  auto found = execs().find(handle);
  return found == execs().end() ? nullptr : found->second.get();
}

Node* find(Exec& exec, CUgraphNode node) {
  auto found = exec.nodes.find(node);
  return found == exec.nodes.end() ? nullptr : found->second;
}

CUresult instantiate(Graph& graph, unsigned long long flags, CUgraphExec& made, CUgraphInstantiateResult& reason,
                     CUgraphNode& culprit) {
  reason = CUDA_GRAPH_INSTANTIATE_ERROR;
  if (flags & ~known_flags) return CUDA_ERROR_INVALID_VALUE;
  if (flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) {
    base::log(base::Level::warn, "graphs cannot be launched from the device", {{"use", "cudaGraphLaunch on the host"}});
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  if ((reason = check(graph, false, culprit)))
    return reason == CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED ? CUDA_ERROR_NOT_SUPPORTED
                                                                         : CUDA_ERROR_INVALID_VALUE;
  if (graph.owner || graph.instantiated) return reason = CUDA_GRAPH_INSTANTIATE_ERROR, CUDA_ERROR_INVALID_VALUE;
  if (!conditions_are_used(graph))
    return reason = CUDA_GRAPH_INSTANTIATE_CONDITIONAL_HANDLE_UNUSED, CUDA_ERROR_INVALID_VALUE;
  auto exec = std::make_unique<Exec>();
  Copies copies;
  exec->graph = copy(graph, &copies);
  for (const auto& [from, to] : copies) exec->nodes[handle_of(from)] = to;
  exec->context = current();
  exec->flags = flags;
  exec->source = handle_of(&graph);
  exec->memory = has_memory_nodes(graph);
  exec->host = std::make_shared<HostSide>();
  exec->objects = std::make_shared<KeptObjects>();
  exec->objects->objects.swap(exec->graph->objects);
  if (CUresult result = record(*exec->graph, *exec->host, true, exec->recorded))
    return reason = CUDA_GRAPH_INSTANTIATE_ERROR, result;
  graph.instantiated = exec->memory;
  made = reinterpret_cast<CUgraphExec>(exec.get());
  execs()[made] = std::move(exec);
  return CUDA_SUCCESS;
}

CUresult launch(Exec& exec, CUstream stream) {
  if (exec.context != current()) return CUDA_ERROR_INVALID_CONTEXT;
  CUstream own = resolve(stream);
  if (exec.changed)
    if (CUresult result = record_anew(exec, own)) return result;
  if (exec.memory) {
    std::vector<Node*> order = flat_order(*exec.graph);
    if (CUresult result = account_launch(order, exec.flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH))
      return result;
  }
  if (CUresult result = before_graph_launch(*exec.graph, own)) return result;
  exec.last_stream = own;
  return launch_and_keep(exec, own);
}

}  // namespace client::graph

using namespace client::graph;

OUTBOARD_EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph,
                                                      CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  if (CUresult result = client::require_context()) return result;
  Hold hold;
  Graph* graph = find(hGraph);
  if (!phGraphExec || !graph || !instantiateParams) return CUDA_ERROR_INVALID_VALUE;
  instantiateParams->hErrNode_out = nullptr;
  return instantiate(*graph, instantiateParams->flags, *phGraphExec, instantiateParams->result_out,
                     instantiateParams->hErrNode_out);
}

OUTBOARD_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph,
                                                     unsigned long long flags) {
  CUDA_GRAPH_INSTANTIATE_PARAMS params{};
  params.flags = flags;
  return cuGraphInstantiateWithParams(phGraphExec, hGraph, &params);
}

OUTBOARD_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode,
                                               char* logBuffer, size_t bufferSize) {
  CUDA_GRAPH_INSTANTIATE_PARAMS params{};
  CUresult result = cuGraphInstantiateWithParams(phGraphExec, hGraph, &params);
  if (phErrorNode) *phErrorNode = params.hErrNode_out;
  if (logBuffer && bufferSize) *logBuffer = 0;
  return result;
}

OUTBOARD_EXPORT CUresult cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode,
                                            char* logBuffer, size_t bufferSize) {
  return cuGraphInstantiate_v2(phGraphExec, hGraph, phErrorNode, logBuffer, bufferSize);
}

OUTBOARD_EXPORT CUresult cuGraphExecGetFlags(CUgraphExec hGraphExec, cuuint64_t* flags) {
  Hold hold;
  Exec* exec = find(hGraphExec);
  if (!exec || !flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = exec->flags & ~static_cast<cuuint64_t>(CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD);  // done, and no property
  return CUDA_SUCCESS;
}

// Everything is at the device already.
OUTBOARD_EXPORT CUresult cuGraphUpload(CUgraphExec hGraph, CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  if (client::capturing(hStream)) return client::refuse_capture(hStream);
  Hold hold;
  return find(hGraph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphLaunch(CUgraphExec hGraph, CUstream hStream) {
  if (CUresult result = client::require_context()) return result;
  Hold hold;
  Exec* exec = find(hGraph);
  if (!exec) return CUDA_ERROR_INVALID_VALUE;
  if (!client::capturing(hStream)) return launch(*exec, hStream);
  if (exec->memory || has_conditions(*exec->graph)) return client::refuse_capture(hStream);
  return client::capture(hStream, ChildWork{copy(*exec->graph)});
}

OUTBOARD_EXPORT CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) {
  if (CUresult result = client::require_context()) return result;
  Hold hold;
  auto found = execs().find(hGraphExec);
  if (found == execs().end()) return CUDA_ERROR_INVALID_VALUE;
  std::unique_ptr<Exec> exec = std::move(found->second);
  execs().erase(found);
  if (Graph* source = find(exec->source); source && exec->memory) source->instantiated = false;
  return remote::cuGraphExecDestroy(exec->recorded);
}

OUTBOARD_EXPORT CUresult cuGraphNodeSetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int isEnabled) {
  Hold hold;
  Exec* exec = find(hGraphExec);
  Node* node = exec ? find(*exec, hNode) : nullptr;
  if (!node || node->type() > CU_GRAPH_NODE_TYPE_MEMSET) return CUDA_ERROR_INVALID_VALUE;
  exec->changed |= node->enabled != (isEnabled != 0);
  node->enabled = isEnabled != 0;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphNodeGetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int* isEnabled) {
  Hold hold;
  Exec* exec = find(hGraphExec);
  Node* node = exec ? find(*exec, hNode) : nullptr;
  if (!node || !isEnabled || node->type() > CU_GRAPH_NODE_TYPE_MEMSET) return CUDA_ERROR_INVALID_VALUE;
  *isEnabled = node->enabled;
  return CUDA_SUCCESS;
}
