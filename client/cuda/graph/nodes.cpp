// Graphs and nodes as the driver API makes and removes them. Every way to add a node is cuGraphAddNode_v2's.
#include "client/cuda/capture.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/graph.h"
#include "client/cuda/graph/parameters.h"

using namespace client::graph;

// --- graphs

OUTBOARD_EXPORT CUresult cuGraphCreate(CUgraph* phGraph, unsigned int flags) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!phGraph || flags) return CUDA_ERROR_INVALID_VALUE;
  Hold hold;
  *phGraph = handle_of(create());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphDestroy(CUgraph hGraph) {
  Hold hold;
  Graph* graph = find(hGraph);
  if (!graph || graph->captures) return CUDA_ERROR_INVALID_VALUE;
  return withdraw(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphClone(CUgraph* phGraphClone, CUgraph originalGraph) {
  Hold hold;
  Graph* graph = find(originalGraph);
  if (!graph || !phGraphClone) return CUDA_ERROR_INVALID_VALUE;
  if (has_memory_nodes(*graph)) return CUDA_ERROR_NOT_SUPPORTED;
  *phGraphClone = handle_of(publish(copy(*graph)));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphNodeFindInClone(CUgraphNode* phNode, CUgraphNode hOriginalNode, CUgraph hClonedGraph) {
  Hold hold;
  Graph* clone = find(hClonedGraph);
  Node* original = find(hOriginalNode);
  if (!phNode || !clone || !original) return CUDA_ERROR_INVALID_VALUE;
  Node* found = nullptr;
  each_node(*clone, [&](Node& node) {
    if (node.copied_from == original->id) found = &node;
  });
  if (!found) return CUDA_ERROR_INVALID_VALUE;
  *phNode = handle_of(found);
  return CUDA_SUCCESS;
}

// --- nodes

OUTBOARD_EXPORT CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                           const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                           CUgraphNodeParams* nodeParams) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  Hold hold;
  Graph* graph = find(hGraph);
  if (!phGraphNode || !graph || !nodeParams) return CUDA_ERROR_INVALID_VALUE;
  std::vector<Edge> edges;
  if (CUresult result = read_edges(*graph, dependencies, dependencyData, numDependencies, edges)) return result;
  Work work;
  if (CUresult result = read(*graph, edges, *nodeParams, work)) return result;
  Node* made = nullptr;
  CUresult result = add_node(*graph, std::move(edges), std::move(work), made);
  *phGraphNode = handle_of(made);
  return result;
}

OUTBOARD_EXPORT CUresult cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                        size_t numDependencies, CUgraphNodeParams* nodeParams) {
  return cuGraphAddNode_v2(phGraphNode, hGraph, dependencies, nullptr, numDependencies, nodeParams);
}

namespace {

CUgraphNodeParams params_of(CUgraphNodeType type) {
  CUgraphNodeParams params{};
  params.type = type;
  return params;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph,
                                                 const CUgraphNode* dependencies, size_t numDependencies,
                                                 const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  if (!nodeParams) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_KERNEL);
  params.kernel = *nodeParams;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                              size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (!nodeParams) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS params = raised(*nodeParams);
  return cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                              size_t numDependencies, const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  if (!copyParams) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_MEMCPY);
  params.memcpy.copyParams = *copyParams;
  params.memcpy.copyCtx = ctx;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                              size_t numDependencies, const CUDA_MEMSET_NODE_PARAMS* memsetParams,
                                              CUcontext ctx) {
  if (!memsetParams) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_MEMSET);
  params.memset = raised(*memsetParams, ctx);
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                            size_t numDependencies, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  if (!nodeParams) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_HOST);
  params.host = *nodeParams;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddChildGraphNode(CUgraphNode* phGraphNode, CUgraph hGraph,
                                                  const CUgraphNode* dependencies, size_t numDependencies,
                                                  CUgraph childGraph) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_GRAPH);
  params.graph.graph = childGraph;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                             size_t numDependencies) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_EMPTY);
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddEventRecordNode(CUgraphNode* phGraphNode, CUgraph hGraph,
                                                   const CUgraphNode* dependencies, size_t numDependencies,
                                                   CUevent event) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_EVENT_RECORD);
  params.eventRecord.event = event;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddEventWaitNode(CUgraphNode* phGraphNode, CUgraph hGraph,
                                                 const CUgraphNode* dependencies, size_t numDependencies,
                                                 CUevent event) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_WAIT_EVENT);
  params.eventWait.event = event;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddMemAllocNode(CUgraphNode* phGraphNode, CUgraph hGraph,
                                                const CUgraphNode* dependencies, size_t numDependencies,
                                                CUDA_MEM_ALLOC_NODE_PARAMS* nodeParams) {
  if (!nodeParams) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_MEM_ALLOC);
  params.alloc = *nodeParams;
  CUresult result = cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
  if (result == CUDA_SUCCESS) nodeParams->dptr = params.alloc.dptr;
  return result;
}

OUTBOARD_EXPORT CUresult cuGraphAddMemFreeNode(CUgraphNode* phGraphNode, CUgraph hGraph,
                                               const CUgraphNode* dependencies, size_t numDependencies,
                                               CUdeviceptr dptr) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_MEM_FREE);
  params.free.dptr = dptr;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphAddBatchMemOpNode(CUgraphNode* phGraphNode, CUgraph hGraph,
                                                  const CUgraphNode* dependencies, size_t numDependencies,
                                                  const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  if (!nodeParams) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_BATCH_MEM_OP);
  params.memOp = *nodeParams;
  return cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

OUTBOARD_EXPORT CUresult cuGraphDestroyNode(CUgraphNode hNode) {
  Hold hold;
  Node* node = find(hNode);
  if (!node) return CUDA_ERROR_INVALID_VALUE;
  if (has_memory_nodes(*node->graph)) return CUDA_ERROR_NOT_SUPPORTED;
  client::forget_captured(*node);
  remove(*node);
  return CUDA_SUCCESS;
}
