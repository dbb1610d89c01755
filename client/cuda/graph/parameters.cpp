// Reading what a program says about a node, and saying it back.
#include "client/cuda/graph/parameters.h"

#include "client/cuda/contexts.h"
#include "client/cuda/graph/conditional.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/launch.h"
#include "client/cuda/modules.h"

namespace client::graph {
namespace {

CUresult read(const CUDA_HOST_NODE_PARAMS& params, HostWork& work) {
  if (!params.fn) return CUDA_ERROR_INVALID_VALUE;
  work = {params.fn, params.userData};
  return CUDA_SUCCESS;
}

CUresult read(CUDA_CHILD_GRAPH_NODE_PARAMS& params, const Graph& parent, ChildWork& work) {
  Graph* child = find(params.graph);
  bool move = params.ownership == CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE;
  if (!child || child == &parent || child->captures || params.ownership > CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE)
    return CUDA_ERROR_INVALID_VALUE;
  if (has_conditions(*child)) return CUDA_ERROR_NOT_SUPPORTED;
  if (!move && has_memory_nodes(*child)) return CUDA_ERROR_NOT_SUPPORTED;
  if (!move) return work.graph = copy(*child), CUDA_SUCCESS;
  if (child->instantiated) return CUDA_ERROR_INVALID_VALUE;
  work.graph = withdraw(child);
  return work.graph ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <class Kind, class Params>
CUresult read_as(const Params& params, Work& work) {
  Kind own;
  if (CUresult result = read(params, own)) return result;
  work = std::move(own);
  return CUDA_SUCCESS;
}

CUresult read_event(CUevent event, Work& work, Work made) {
  if (!event) return CUDA_ERROR_INVALID_VALUE;
  work = std::move(made);
  return CUDA_SUCCESS;
}

// Types whose work is in the struct alone.
CUresult read_plain(const CUgraphNodeParams& params, Work& work) {
  switch (params.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: return read_as<KernelWork>(params.kernel, work);
    case CU_GRAPH_NODE_TYPE_MEMCPY: return read_as<CopyWork>(params.memcpy, work);
    case CU_GRAPH_NODE_TYPE_MEMSET: return read_as<FillWork>(params.memset, work);
    case CU_GRAPH_NODE_TYPE_HOST: return read_as<HostWork>(params.host, work);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return read_event(params.eventWait.event, work, WaitWork{params.eventWait.event});
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return read_event(params.eventRecord.event, work, RecordWork{params.eventRecord.event});
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: return read_as<MemoryOperationsWork>(params.memOp, work);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL:
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT: return CUDA_ERROR_NOT_SUPPORTED;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

CUresult read(Graph& graph, const std::vector<Edge>& dependencies, CUgraphNodeParams& params, Work& work) {
  switch (params.type) {
    case CU_GRAPH_NODE_TYPE_EMPTY: return work = EmptyWork{}, CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_GRAPH: {
      ChildWork child;
      if (CUresult result = read(params.graph, graph, child)) return result;
      params.graph.graph = handle_of(child.graph.get());
      return work = std::move(child), CUDA_SUCCESS;
    }
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
      AllocateWork allocate;
      if (CUresult result = read(graph, dependencies, params.alloc, allocate)) return result;
      return work = std::move(allocate), CUDA_SUCCESS;
    }
    case CU_GRAPH_NODE_TYPE_MEM_FREE: {
      FreeWork free;
      if (CUresult result = read(graph, params.free.dptr, free)) return result;
      return work = std::move(free), CUDA_SUCCESS;
    }
    case CU_GRAPH_NODE_TYPE_CONDITIONAL: {
      ConditionalWork conditional;
      if (CUresult result = read(graph, params.conditional, conditional)) return result;
      return work = std::move(conditional), CUDA_SUCCESS;
    }
    default: return read_plain(params, work);
  }
}

CUresult read(const Node& node, const CUgraphNodeParams& params, Work& work) {
  if (params.type != node.type()) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = read_plain(params, work)) return result;
  if (auto* kernel = std::get_if<KernelWork>(&work))  // attributes are set by functions of their own
    kernel->attributes = std::get<KernelWork>(node.work).attributes;
  return CUDA_SUCCESS;
}

CUresult read(const CUDA_KERNEL_NODE_PARAMS& params, KernelWork& work) {
  if (CUresult result = require_context()) return result;
  CUfunction handle = params.func ? params.func : reinterpret_cast<CUfunction>(params.kern);
  work.context = params.ctx ? params.ctx : handle_of(current());
  work.shape = {{params.gridDimX, params.gridDimY, params.gridDimZ},
                {params.blockDimX, params.blockDimY, params.blockDimZ},
                params.sharedMemBytes,
                0,
                {}};
  Function* function = find_function(handle);
  if (!function) return CUDA_ERROR_INVALID_VALUE;
  work.function = reinterpret_cast<CUfunction>(function);
  if (CUresult result = check_launch(work.function, *function, work.shape)) return result;
  return pack_parameters(*function, params.kernelParams, params.extra, work.parameters);
}

CUresult read(const CUDA_MEMCPY_NODE_PARAMS& params, CopyWork& work) {
  const CUDA_MEMCPY3D& copy = params.copyParams;
  auto known = [](CUmemorytype type) { return type >= CU_MEMORYTYPE_HOST && type <= CU_MEMORYTYPE_UNIFIED; };
  if (!known(copy.srcMemoryType) || !known(copy.dstMemoryType)) return CUDA_ERROR_INVALID_VALUE;
  work = {copy, params.copyCtx};
  return CUDA_SUCCESS;
}

CUresult read(const CUDA_MEMSET_NODE_PARAMS_v2& params, FillWork& work) {
  bool element = params.elementSize == 1 || params.elementSize == 2 || params.elementSize == 4;
  if (!element || !params.dst || params.dst % params.elementSize) return CUDA_ERROR_INVALID_VALUE;
  if (params.height > 1 && (params.pitch < params.width * params.elementSize || params.pitch % params.elementSize))
    return CUDA_ERROR_INVALID_VALUE;
  work.fill = params;
  return CUDA_SUCCESS;
}

CUresult read(const CUDA_BATCH_MEM_OP_NODE_PARAMS& params, MemoryOperationsWork& work) {
  if (params.count && !params.paramArray) return CUDA_ERROR_INVALID_VALUE;
  work = {params.ctx, params.flags, {params.paramArray, params.paramArray + params.count}};
  return CUDA_SUCCESS;
}

void show(KernelWork& work, CUDA_KERNEL_NODE_PARAMS& params) {
  const LaunchShape& shape = work.shape;
  params = {};
  params.func = work.function;
  params.ctx = work.context;
  params.gridDimX = shape.grid[0], params.gridDimY = shape.grid[1], params.gridDimZ = shape.grid[2];
  params.blockDimX = shape.block[0], params.blockDimY = shape.block[1], params.blockDimZ = shape.block[2];
  params.sharedMemBytes = shape.shared_bytes;
  work.shown.clear();
  if (const Function* function = find_function(work.function)) {
    params.kern = kernel_of(*function);  // cudart 13.0 knows its kernels by that (measured)
    for (const Parameter& parameter : function->parameters)
      work.shown.push_back(work.parameters.data() + parameter.offset);
  }
  params.kernelParams = work.shown.empty() ? nullptr : work.shown.data();
}

void show(MemoryOperationsWork& work, CUDA_BATCH_MEM_OP_NODE_PARAMS& params) {
  params = {work.context, static_cast<unsigned>(work.operations.size()), work.operations.data(), work.flags};
}

CopyWork linear_copy(CUmemorytype to, uint64_t destination, CUmemorytype from, uint64_t source, size_t size) {
  CopyWork work;
  CUDA_MEMCPY3D& copy = work.copy;
  copy.srcMemoryType = from;
  copy.dstMemoryType = to;
  if (from == CU_MEMORYTYPE_HOST)
    copy.srcHost = reinterpret_cast<const void*>(source);
  else
    copy.srcDevice = source;
  if (to == CU_MEMORYTYPE_HOST)
    copy.dstHost = reinterpret_cast<void*>(destination);
  else
    copy.dstDevice = destination;
  copy.WidthInBytes = copy.srcPitch = copy.dstPitch = size;
  copy.Height = copy.Depth = copy.srcHeight = copy.dstHeight = 1;
  work.context = handle_of(current());
  return work;
}

}  // namespace client::graph
