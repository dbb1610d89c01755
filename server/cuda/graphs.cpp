// Records a client's graphs: its calls are captured on a stream, and the dependencies of each are set before it.
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "server/cuda/worker.h"

namespace worker {
namespace {

// What one recording stream has got so far.
struct Recorded {
  std::vector<std::vector<CUgraphNode>> ends;  // of each node of the client: what a follower depends on
  std::vector<CUgraph> bodies;                 // of the last conditional node
  bool open = false;                           // the last node has not ended yet
};

// Bytes of the client's on their way to a copy; as long as the graph and its launches.
struct Staged {
  uint64_t callback = 0;
  size_t size = 0;
  std::unique_ptr<std::byte[]> bytes;
};

struct Graphs {
  std::mutex lock;
  std::map<CUstream, Recorded> recorded;
  std::map<uint64_t, Staged*> staged;  // by callback
};
Graphs& graphs() {
  static auto* made = new Graphs;
  return *made;
}

CUresult frontier(CUstream recorder, CUgraph& graph, const CUgraphNode*& nodes, size_t& count) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  cuuint64_t id = 0;
  CUresult result = session().driver().cuStreamGetCaptureInfo_v2(recorder, &status, &id, &graph, &nodes, &count);
  if (result == CUDA_SUCCESS && status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return CUDA_ERROR_ILLEGAL_STATE;
  return result;
}

// The caller holds the lock.
CUresult end_node(CUstream recorder, Recorded& recorded) {
  if (!recorded.open) return CUDA_SUCCESS;
  CUgraph graph = nullptr;
  const CUgraphNode* nodes = nullptr;
  size_t count = 0;
  if (CUresult result = frontier(recorder, graph, nodes, count)) return result;
  recorded.ends.emplace_back(nodes, nodes + count);
  recorded.open = false;
  return CUDA_SUCCESS;
}

// The graph that is being recorded keeps `staged`, which dies with it.
CUresult keep(CUstream recorder, std::unique_ptr<Staged> staged) {
  CUgraph graph = nullptr;
  const CUgraphNode* nodes = nullptr;
  size_t count = 0;
  if (CUresult result = frontier(recorder, graph, nodes, count)) return result;
  auto destroy = [](void* data) {
    std::unique_ptr<Staged> own(static_cast<Staged*>(data));
    std::lock_guard hold(graphs().lock);
    graphs().staged.erase(own->callback);
  };
  const device::Driver& driver = session().driver();
  CUuserObject object = nullptr;
  Staged* kept = staged.get();
  if (CUresult result = driver.cuUserObjectCreate(&object, kept, destroy, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC))
    return result;
  staged.release();
  if (CUresult result = driver.cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE)) {
    driver.cuUserObjectRelease(object, 1);
    return result;
  }
  return CUDA_SUCCESS;
}

std::unique_ptr<Staged> stage(const CUDA_MEMCPY3D& copy, size_t size, uint64_t callback) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(copy.WidthInBytes, copy.Height, &bytes) ||
      __builtin_mul_overflow(bytes, copy.Depth, &bytes) || bytes > size)
    return nullptr;
  auto staged = std::make_unique<Staged>();
  staged->callback = callback;
  staged->size = size;
  staged->bytes.reset(new (std::nothrow) std::byte[size]);
  return staged->bytes ? std::move(staged) : nullptr;
}

}  // namespace

CUresult obGraphBegin(CUstream recorder) {
  std::lock_guard hold(graphs().lock);
  graphs().recorded.erase(recorder);
  return session().driver().cuStreamBeginCapture_v2(recorder, CU_STREAM_CAPTURE_MODE_RELAXED);
}

CUresult obGraphEnd(CUstream recorder, CUgraph* graph) {
  std::lock_guard hold(graphs().lock);
  graphs().recorded.erase(recorder);
  return session().driver().cuStreamEndCapture(recorder, graph);
}

CUresult obGraphNode(CUstream recorder, const uint32_t* after, size_t count) try {
  std::lock_guard hold(graphs().lock);
  Recorded& recorded = graphs().recorded[recorder];
  if (CUresult result = end_node(recorder, recorded)) return result;
  std::vector<CUgraphNode> nodes;
  for (size_t i = 0; i < count; ++i) {
    if (after[i] >= recorded.ends.size()) return CUDA_ERROR_INVALID_VALUE;
    nodes.insert(nodes.end(), recorded.ends[after[i]].begin(), recorded.ends[after[i]].end());
  }
  recorded.open = true;
  return session().driver().cuStreamUpdateCaptureDependencies(recorder, nodes.data(), nodes.size(),
                                                              CU_STREAM_SET_CAPTURE_DEPENDENCIES);
} catch (const std::bad_alloc&) {
  return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult obGraphCondition(CUstream recorder, CUdeviceptr value, unsigned type, unsigned bodies) try {
  CUgraph graph = nullptr;
  const CUgraphNode* nodes = nullptr;
  size_t count = 0;
  if (CUresult result = frontier(recorder, graph, nodes, count)) return result;
  CUgraphNodeParams params{};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = value;
  params.conditional.type = static_cast<CUgraphConditionalNodeType>(type);
  params.conditional.size = bodies;
  CUgraphNode made = nullptr;
  const device::Driver& driver = session().driver();
  if (CUresult result = driver.cuGraphAddNode_v2(&made, graph, nodes, nullptr, count, &params)) return result;
  std::lock_guard hold(graphs().lock);
  graphs().recorded[recorder].bodies.assign(params.conditional.phGraph_out, params.conditional.phGraph_out + bodies);
  return driver.cuStreamUpdateCaptureDependencies(recorder, &made, 1, CU_STREAM_SET_CAPTURE_DEPENDENCIES);
} catch (const std::bad_alloc&) {
  return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult obGraphBody(CUstream recorder, unsigned which, CUstream body_recorder) {
  std::lock_guard hold(graphs().lock);
  const auto& bodies = graphs().recorded[recorder].bodies;
  if (which >= bodies.size() || recorder == body_recorder) return CUDA_ERROR_INVALID_VALUE;
  graphs().recorded.erase(body_recorder);
  return session().driver().cuStreamBeginCaptureToGraph(body_recorder, bodies[which], nullptr, nullptr, 0,
                                                        CU_STREAM_CAPTURE_MODE_RELAXED);
}

CUresult obGraphEndBody(CUstream body_recorder) {
  CUgraph body = nullptr;
  {
    std::lock_guard hold(graphs().lock);
    graphs().recorded.erase(body_recorder);
  }
  return session().driver().cuStreamEndCapture(body_recorder, &body);
}

CUresult obGraphInstantiate(CUgraphExec* exec, CUgraph graph) {
  return session().driver().cuGraphInstantiateWithFlags(exec, graph, 0);
}

CUresult obGraphCopyFromHost(const CUDA_MEMCPY3D* copy, size_t size, CUarray destination, CUstream recorder,
                             uint64_t callback) {
  std::unique_ptr<Staged> staged = stage(*copy, size, callback);
  if (!staged) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY3D own = *copy;
  own.srcMemoryType = CU_MEMORYTYPE_HOST;
  own.srcHost = staged->bytes.get();
  own.srcPitch = own.WidthInBytes;
  own.srcHeight = own.Height;
  own.srcXInBytes = own.srcY = own.srcZ = 0;
  own.dstArray = destination;
  Staged* bytes = staged.get();
  if (CUresult result = keep(recorder, std::move(staged))) return result;
  {
    std::lock_guard hold(graphs().lock);
    if (!graphs().staged.emplace(callback, bytes).second) return CUDA_ERROR_INVALID_VALUE;
  }
  if (CUresult result = obHostFunction(recorder, callback)) return result;
  return session().driver().cuMemcpy3DAsync_v2(&own, recorder);
}

CUresult obGraphBytes(uint64_t callback, size_t offset, const void* bytes, size_t size) {
  std::lock_guard hold(graphs().lock);
  auto found = graphs().staged.find(callback);
  if (found == graphs().staged.end()) return CUDA_ERROR_INVALID_HANDLE;
  Staged& staged = *found->second;
  if (offset > staged.size || size > staged.size - offset) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(staged.bytes.get() + offset, bytes, size);
  return CUDA_SUCCESS;
}

CUresult obGraphCopyToHost(const CUDA_MEMCPY3D* copy, size_t size, CUarray source, CUstream recorder,
                           uint64_t transfer) {
  std::unique_ptr<Staged> staged = stage(*copy, size, transfer);
  if (!staged) return CUDA_ERROR_INVALID_VALUE;
  Staged* bytes = staged.get();
  CUDA_MEMCPY3D own = *copy;
  own.dstMemoryType = CU_MEMORYTYPE_HOST;
  own.dstHost = bytes->bytes.get();
  own.dstPitch = own.WidthInBytes;
  own.dstHeight = own.Height;
  own.dstXInBytes = own.dstY = own.dstZ = 0;
  own.srcArray = source;
  if (CUresult result = keep(recorder, std::move(staged))) return result;
  const device::Driver& driver = session().driver();
  if (CUresult result = driver.cuMemcpy3DAsync_v2(&own, recorder)) return result;
  auto send = [](void* data) {
    auto* ready = static_cast<Staged*>(data);
    session().send_data(ready->callback, ready->bytes.get(), ready->size);
  };
  return driver.cuLaunchHostFunc(recorder, send, bytes);
}

CUresult obStreamMemOps(CUstream stream, const CUstreamBatchMemOpParams* operations, unsigned count, unsigned flags) {
  return session().driver().cuStreamBatchMemOp_v2(stream, count, const_cast<CUstreamBatchMemOpParams*>(operations),
                                                  flags);
}

}  // namespace worker
