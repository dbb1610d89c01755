// Parameters of nodes, asked for and changed: in graphs, and in executable graphs for their later launches.
#include <cstring>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/exec.h"
#include "client/cuda/graph/parameters.h"
#include "client/cuda/graph/update.h"

using namespace client::graph;

namespace {

// The node's work if it is of that kind.
template <class Kind>
Kind* work_of(CUgraphNode handle) {
  Node* node = find(handle);
  return node ? std::get_if<Kind>(&node->work) : nullptr;
}

template <class Kind, class Read>
CUresult get(CUgraphNode handle, const void* out, Read read) {
  Hold hold;
  Kind* work = work_of<Kind>(handle);
  if (!work || !out) return CUDA_ERROR_INVALID_VALUE;
  read(*work);
  return CUDA_SUCCESS;
}

CUgraphNodeParams params_of(CUgraphNodeType type) {
  CUgraphNodeParams params{};
  params.type = type;
  return params;
}

CUgraphNodeParams kernel(const CUDA_KERNEL_NODE_PARAMS& given) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_KERNEL);
  params.kernel = given;
  return params;
}
CUgraphNodeParams copy_of(const CUDA_MEMCPY3D& given, CUcontext context) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_MEMCPY);
  params.memcpy.copyParams = given;
  params.memcpy.copyCtx = context;
  return params;
}
CUgraphNodeParams fill_of(const CUDA_MEMSET_NODE_PARAMS& given, CUcontext context) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_MEMSET);
  params.memset = raised(given, context);
  return params;
}
CUgraphNodeParams host(const CUDA_HOST_NODE_PARAMS& given) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_HOST);
  params.host = given;
  return params;
}
CUgraphNodeParams operations(const CUDA_BATCH_MEM_OP_NODE_PARAMS& given) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_BATCH_MEM_OP);
  params.memOp = given;
  return params;
}
CUgraphNodeParams event(CUgraphNodeType type, CUevent given) {
  CUgraphNodeParams params = params_of(type);
  params.eventWait.event = given;  // the record's struct is the same
  return params;
}

CUresult set(CUgraphNode handle, const CUgraphNodeParams& params) {
  Hold hold;
  Node* node = find(handle);
  Work work;
  if (!node) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = read(*node, params, work)) return result;
  node->work = std::move(work);
  return CUDA_SUCCESS;
}

bool is_line(const Work& work) {
  auto* copy = std::get_if<CopyWork>(&work);
  return !copy || copy->copy.Height * copy->copy.Depth == 1;
}

CUresult set_child(Exec& exec, Node& node, CUgraph handle) {
  Graph* graph = find(handle);
  auto* child = std::get_if<ChildWork>(&node.work);
  if (!graph || !child) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::pair<Node*, Node*>> pairs;
  CUgraphExecUpdateResultInfo info;
  if (!pair_nodes(*child->graph, *graph, pairs, info)) return CUDA_ERROR_INVALID_VALUE;
  for (auto [was, now] : pairs)
    if (check_change(was->work, now->work)) return CUDA_ERROR_INVALID_VALUE;
  for (auto [was, now] : pairs)
    if (was->type() != CU_GRAPH_NODE_TYPE_GRAPH) was->work = copy(now->work);
  exec.changed = true;
  return CUDA_SUCCESS;
}

CUresult set(CUgraphExec exec_handle, CUgraphNode handle, const CUgraphNodeParams& params) {
  Hold hold;
  Exec* exec = find(exec_handle);
  Node* node = exec ? find(*exec, handle) : nullptr;
  if (!node) return CUDA_ERROR_INVALID_VALUE;
  if (params.type == CU_GRAPH_NODE_TYPE_GRAPH) return set_child(*exec, *node, params.graph.graph);
  Work work;
  if (CUresult result = read(*node, params, work)) return result;
  if (check_change(node->work, work) || !is_line(node->work) || !is_line(work)) return CUDA_ERROR_INVALID_VALUE;
  node->work = std::move(work);
  exec->changed = true;
  return CUDA_SUCCESS;
}

}  // namespace

CUDA_KERNEL_NODE_PARAMS client::graph::raised(const CUDA_KERNEL_NODE_PARAMS_v1& params) {
  CUDA_KERNEL_NODE_PARAMS own{};
  std::memcpy(&own, &params, sizeof params);  // the newer struct begins with the older one
  return own;
}

CUDA_MEMSET_NODE_PARAMS_v2 client::graph::raised(const CUDA_MEMSET_NODE_PARAMS& params, CUcontext context) {
  return {params.dst, params.pitch, params.value, params.elementSize, params.width, params.height, context};
}

// --- kernels

OUTBOARD_EXPORT CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return get<KernelWork>(hNode, nodeParams, [&](KernelWork& work) { show(work, *nodeParams); });
}

OUTBOARD_EXPORT CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  CUDA_KERNEL_NODE_PARAMS params;
  CUresult result = cuGraphKernelNodeGetParams_v2(hNode, nodeParams ? &params : nullptr);
  if (result) return result;
  std::memcpy(nodeParams, &params, sizeof *nodeParams);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hNode, kernel(*nodeParams)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return nodeParams ? set(hNode, kernel(raised(*nodeParams))) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                           const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hGraphExec, hNode, kernel(*nodeParams)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                        const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return nodeParams ? set(hGraphExec, hNode, kernel(raised(*nodeParams))) : CUDA_ERROR_INVALID_VALUE;
}

// --- attributes of kernels

OUTBOARD_EXPORT CUresult cuGraphKernelNodeGetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                                       CUkernelNodeAttrValue* value_out) {
  return get<KernelWork>(hNode, value_out, [&](KernelWork& work) {
    *value_out = {};
    for (const CUlaunchAttribute& attribute : work.attributes)
      if (attribute.id == attr) *value_out = attribute.value;
    if (attr == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && work.shape.cooperative) value_out->cooperative = 1;
  });
}

OUTBOARD_EXPORT CUresult cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                                       const CUkernelNodeAttrValue* value_) {
  if (attr == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE) return CUDA_ERROR_NOT_SUPPORTED;
  return get<KernelWork>(hNode, value_, [&](KernelWork& work) {
    std::erase_if(work.attributes, [&](const CUlaunchAttribute& attribute) { return attribute.id == attr; });
    work.attributes.push_back({attr, {}, *value_});
    if (attr == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) work.shape.cooperative = value_->cooperative != 0;
  });
}

OUTBOARD_EXPORT CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src) {
  Hold hold;
  auto *to = work_of<KernelWork>(dst), *from = work_of<KernelWork>(src);
  if (!to || !from) return CUDA_ERROR_INVALID_VALUE;
  to->attributes = from->attributes;
  to->shape.cooperative = from->shape.cooperative;
  return CUDA_SUCCESS;
}

// --- copies and fills

OUTBOARD_EXPORT CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  return get<CopyWork>(hNode, nodeParams, [&](CopyWork& work) { *nodeParams = work.copy; });
}

OUTBOARD_EXPORT CUresult cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  return nodeParams ? set(hNode, copy_of(*nodeParams, nullptr)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                        const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  return copyParams ? set(hGraphExec, hNode, copy_of(*copyParams, ctx)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  return get<FillWork>(hNode, nodeParams,
                       [&](FillWork& work) { std::memcpy(nodeParams, &work.fill, sizeof *nodeParams); });
}

OUTBOARD_EXPORT CUresult cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hNode, fill_of(*nodeParams, nullptr)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                        const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  return memsetParams ? set(hGraphExec, hNode, fill_of(*memsetParams, ctx)) : CUDA_ERROR_INVALID_VALUE;
}

// --- host functions, events, operations on memory

OUTBOARD_EXPORT CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  return get<client::graph::HostWork>(hNode, nodeParams, [&](auto& work) { *nodeParams = {work.run, work.data}; });
}

OUTBOARD_EXPORT CUresult cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hNode, host(*nodeParams)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                      const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hGraphExec, hNode, host(*nodeParams)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  return get<RecordWork>(hNode, event_out, [&](RecordWork& work) { *event_out = work.event; });
}

OUTBOARD_EXPORT CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode hNode, CUevent given) {
  return set(hNode, event(CU_GRAPH_NODE_TYPE_EVENT_RECORD, given));
}

OUTBOARD_EXPORT CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent given) {
  return set(hGraphExec, hNode, event(CU_GRAPH_NODE_TYPE_EVENT_RECORD, given));
}

OUTBOARD_EXPORT CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  return get<WaitWork>(hNode, event_out, [&](WaitWork& work) { *event_out = work.event; });
}

OUTBOARD_EXPORT CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode hNode, CUevent given) {
  return set(hNode, event(CU_GRAPH_NODE_TYPE_WAIT_EVENT, given));
}

OUTBOARD_EXPORT CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent given) {
  return set(hGraphExec, hNode, event(CU_GRAPH_NODE_TYPE_WAIT_EVENT, given));
}

OUTBOARD_EXPORT CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode hNode,
                                                        CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams_out) {
  return get<MemoryOperationsWork>(hNode, nodeParams_out,
                                   [&](MemoryOperationsWork& work) { show(work, *nodeParams_out); });
}

OUTBOARD_EXPORT CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode hNode,
                                                        const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hNode, operations(*nodeParams)) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                            const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  return nodeParams ? set(hGraphExec, hNode, operations(*nodeParams)) : CUDA_ERROR_INVALID_VALUE;
}

// --- memory and child graphs

OUTBOARD_EXPORT CUresult cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS* params_out) {
  return get<AllocateWork>(hNode, params_out, [&](AllocateWork& work) {
    *params_out = work.params;
    params_out->accessDescs = work.access.empty() ? nullptr : work.access.data();
  });
}

OUTBOARD_EXPORT CUresult cuGraphMemFreeNodeGetParams(CUgraphNode hNode, CUdeviceptr* dptr_out) {
  return get<FreeWork>(hNode, dptr_out, [&](FreeWork& work) { *dptr_out = work.address; });
}

OUTBOARD_EXPORT CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph* phGraph) {
  return get<ChildWork>(hNode, phGraph, [&](ChildWork& work) { *phGraph = handle_of(work.graph.get()); });
}

OUTBOARD_EXPORT CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                            CUgraph childGraph) {
  CUgraphNodeParams params = params_of(CU_GRAPH_NODE_TYPE_GRAPH);
  params.graph.graph = childGraph;
  return set(hGraphExec, hNode, params);
}

// --- any node

OUTBOARD_EXPORT CUresult cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  return nodeParams ? set(hNode, *nodeParams) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphExecNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                  CUgraphNodeParams* nodeParams) {
  return nodeParams ? set(hGraphExec, hNode, *nodeParams) : CUDA_ERROR_INVALID_VALUE;
}
