// Graphs as the driver API has them, as far as a worker needs them: it records each graph by capturing its calls, with
// the dependencies set one by one. Graphs that a program changes or asks about live in the client.
#include "device/software/driver/graph.h"

#include <algorithm>

#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"

namespace software {
namespace {

CUresult find_recording(CUstream handle, std::shared_ptr<Recording>& recording) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(handle, context, stream)) return bad;
  recording = stream->recording();
  return recording ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_STATE;
}

CUresult begin(CUstream handle, std::shared_ptr<Graph> graph) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(handle, context, stream)) return bad;
  if (stream == context->legacy()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->recording()) return CUDA_ERROR_ILLEGAL_STATE;
  if (!graph) {
    graph = std::make_shared<Graph>();
    graph->context = context.get();
  }
  if (graph->context != context.get()) return CUDA_ERROR_INVALID_CONTEXT;
  stream->record(std::make_shared<Recording>(std::move(graph)));
  return CUDA_SUCCESS;
}

CUgraph handle_of(const std::shared_ptr<Graph>& graph) {
  if (!device().graphs.find(graph.get())) device().graphs.add(graph);
  return reinterpret_cast<CUgraph>(graph.get());
}

// The bodies of a conditional node are graphs that the program records next.
std::unique_ptr<Condition> condition_of(const CUDA_CONDITIONAL_NODE_PARAMS& params, const Graph& graph,
                                        std::vector<CUgraph>& bodies) {
  auto condition = std::make_unique<Condition>();
  condition->value = params.handle;
  condition->type = params.type;
  for (unsigned i = 0; i < params.size; ++i) {
    auto body = condition->bodies.emplace_back(std::make_shared<Graph>());
    body->context = graph.context;
    body->depth = graph.depth + 1;
    bodies.push_back(handle_of(body));
  }
  return condition;
}

void keep(Graph& graph, std::shared_ptr<void> object) {
  std::lock_guard hold(graph.lock);
  if (!graph.sealed) graph.kept.push_back(std::move(object));
}

constexpr unsigned most_bodies = 1 << 16;

bool legal(const CUDA_CONDITIONAL_NODE_PARAMS& params) {
  bool switches = params.type == CU_GRAPH_COND_TYPE_SWITCH;
  if (params.type > CU_GRAPH_COND_TYPE_SWITCH || params.size == 0 || params.size > most_bodies) return false;
  if (!switches && params.size > (params.type == CU_GRAPH_COND_TYPE_IF ? 2u : 1u)) return false;
  return params.handle % sizeof(uint32_t) == 0 && accessible(params.handle, sizeof(uint32_t));
}

}  // namespace

// --- recording

CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode) { return begin(hStream, nullptr); }

CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode*, const CUgraphEdgeData*,
                                     size_t numDependencies, CUstreamCaptureMode) {
  std::shared_ptr<Graph> graph = device().graphs.find(hGraph);
  if (!graph) return CUDA_ERROR_INVALID_HANDLE;
  return numDependencies ? CUDA_ERROR_NOT_SUPPORTED : begin(hStream, std::move(graph));
}

CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  std::shared_ptr<Recording> recording = stream->recording();
  if (!recording) return CUDA_ERROR_ILLEGAL_STATE;
  stream->record(nullptr);
  if (phGraph) *phGraph = handle_of(recording->graph());
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out,
                                   CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                   size_t* numDependencies_out) {
  if (!captureStatus_out) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Recording> recording;
  CUresult result = find_recording(hStream, recording);
  if (result && result != CUDA_ERROR_ILLEGAL_STATE) return result;
  *captureStatus_out = recording ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  if (!recording) return CUDA_SUCCESS;
  std::span<const CUgraphNode> nodes = recording->nodes();
  if (id_out) *id_out = reinterpret_cast<uint64_t>(recording.get());
  if (graph_out) *graph_out = handle_of(recording->graph());
  if (dependencies_out) *dependencies_out = nodes.data();
  if (numDependencies_out) *numDependencies_out = nodes.size();
  return CUDA_SUCCESS;
}

CUresult cuStreamUpdateCaptureDependencies(CUstream hStream, CUgraphNode* dependencies, size_t numDependencies,
                                           unsigned int flags) {
  std::shared_ptr<Recording> recording;
  if (CUresult bad = find_recording(hStream, recording)) return bad;
  if (flags != CU_STREAM_SET_CAPTURE_DEPENDENCIES) return CUDA_ERROR_NOT_SUPPORTED;
  std::vector<uint32_t> steps;
  for (size_t i = 0; i < numDependencies; ++i) steps.push_back(step_of(dependencies[i]));
  return recording->set_frontier(std::move(steps)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Conditional nodes only, in a graph that is being recorded; whoever records sets the dependencies afterwards.
CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                           const CUgraphEdgeData*, size_t numDependencies, CUgraphNodeParams* nodeParams) {
  std::shared_ptr<Graph> graph = device().graphs.find(hGraph);
  if (!graph) return CUDA_ERROR_INVALID_HANDLE;
  if (!phGraphNode || !nodeParams) return CUDA_ERROR_INVALID_VALUE;
  if (nodeParams->type != CU_GRAPH_NODE_TYPE_CONDITIONAL) return CUDA_ERROR_NOT_SUPPORTED;
  if (!legal(nodeParams->conditional) || graph->depth == most_nested) return CUDA_ERROR_INVALID_VALUE;
  std::vector<uint32_t> after;
  for (size_t i = 0; i < numDependencies; ++i) after.push_back(step_of(dependencies[i]));
  Recording recording(graph);
  if (!recording.set_frontier(std::move(after))) return CUDA_ERROR_INVALID_VALUE;
  auto bodies = std::make_shared<std::vector<CUgraph>>();
  recording.add_condition(condition_of(nodeParams->conditional, *graph, *bodies));
  nodeParams->conditional.phGraph_out = bodies->data();
  keep(*graph, std::move(bodies));  // the program reads them there
  *phGraphNode = recording.nodes().front();
  return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph hGraph) {
  std::shared_ptr<Graph> graph = device().graphs.remove(hGraph);
  if (!graph) return CUDA_ERROR_INVALID_HANDLE;
  for (const Step& step : graph->steps)
    if (step.condition)
      for (const auto& body : step.condition->bodies) software::cuGraphDestroy(reinterpret_cast<CUgraph>(body.get()));
  return CUDA_SUCCESS;
}

// --- running

CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Graph> graph = device().graphs.find(hGraph);
  if (!phGraphExec || !graph) return CUDA_ERROR_INVALID_VALUE;
  seal(*graph);
  auto exec = std::make_shared<GraphExec>(graph->context, std::move(graph));
  *phGraphExec = reinterpret_cast<CUgraphExec>(device().graph_execs.add(std::move(exec)));
  return CUDA_SUCCESS;
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  std::shared_ptr<GraphExec> exec = device().graph_execs.find(hGraphExec);
  if (!exec) return CUDA_ERROR_INVALID_HANDLE;
  if (exec->context != context.get()) return CUDA_ERROR_INVALID_CONTEXT;
  if (stream->recording()) return CUDA_ERROR_NOT_SUPPORTED;
  exec->launch(context, stream);
  return CUDA_SUCCESS;
}

// What is under way ends first: its tasks keep what they need.
CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) {
  return device().graph_execs.remove(hGraphExec) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// --- user objects

CUresult cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy, unsigned int initialRefcount,
                            unsigned int flags) {
  if (!object_out || !destroy || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC) return CUDA_ERROR_INVALID_VALUE;
  if (initialRefcount != 1) return CUDA_ERROR_NOT_SUPPORTED;
  auto object = std::make_shared<UserObject>(UserObject{std::shared_ptr<void>(ptr, destroy)});
  *object_out = reinterpret_cast<CUuserObject>(device().user_objects.add(std::move(object)));
  return CUDA_SUCCESS;
}

CUresult cuUserObjectRelease(CUuserObject object, unsigned int count) {
  if (count != 1) return CUDA_ERROR_NOT_SUPPORTED;
  return device().user_objects.remove(object) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuGraphRetainUserObject(CUgraph hGraph, CUuserObject object, unsigned int count, unsigned int flags) {
  std::shared_ptr<Graph> graph = device().graphs.find(hGraph);
  std::shared_ptr<UserObject> found = device().user_objects.find(object);
  if (!graph || !found) return CUDA_ERROR_INVALID_HANDLE;
  if (count != 1) return CUDA_ERROR_NOT_SUPPORTED;
  keep(*graph, found->held);
  if (flags & CU_GRAPH_USER_OBJECT_MOVE) device().user_objects.remove(object);
  return CUDA_SUCCESS;
}

}  // namespace software
