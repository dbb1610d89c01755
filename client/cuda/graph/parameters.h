// Between the driver API's parameter structs and the work of nodes. The caller holds the lock.
#pragma once
#include "client/cuda/graph/graph.h"

namespace client::graph {

// The work that `params` describe, for a new node of `graph` after `dependencies`. Fills in what the driver returns
// through the struct: an allocation's address, the bodies of a condition.
CUresult read(Graph& graph, const std::vector<Edge>& dependencies, CUgraphNodeParams& params, Work& work);
// The same for a node that is there already and only changes.
CUresult read(const Node& node, const CUgraphNodeParams& params, Work& work);

CUresult read(const CUDA_KERNEL_NODE_PARAMS& params, KernelWork& work);
CUresult read(const CUDA_MEMCPY_NODE_PARAMS& params, CopyWork& work);
CUresult read(const CUDA_MEMSET_NODE_PARAMS_v2& params, FillWork& work);
CUresult read(const CUDA_BATCH_MEM_OP_NODE_PARAMS& params, MemoryOperationsWork& work);

// The newer form of older structs.
CUDA_KERNEL_NODE_PARAMS raised(const CUDA_KERNEL_NODE_PARAMS_v1& params);
CUDA_MEMSET_NODE_PARAMS_v2 raised(const CUDA_MEMSET_NODE_PARAMS& params, CUcontext context);

// What the driver shows of a kernel; the pointers are good as long as the node is not changed.
void show(KernelWork& work, CUDA_KERNEL_NODE_PARAMS& params);
void show(MemoryOperationsWork& work, CUDA_BATCH_MEM_OP_NODE_PARAMS& params);

// Copies of one dimension, as the stream functions make them.
CopyWork linear_copy(CUmemorytype to, uint64_t destination, CUmemorytype from, uint64_t source, size_t size);

}  // namespace client::graph
