// How a capture begins and ends, and what is told about it.
#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "client/cuda/capture.h"
#include "client/cuda/capture_state.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/streams.h"

namespace client {
namespace {

using namespace capture_state;
using graph::Hold;

// Every stream's work leads to the origin's (CUDA_ERROR_STREAM_CAPTURE_UNJOINED otherwise).
bool is_joined(const Capture& capture) {
  std::vector<const Node*> look;
  for (const Edge& edge : find_stream(capture.origin)->frontier) look.push_back(edge.before);
  std::unordered_set<const Node*> seen(look.begin(), look.end());
  while (!look.empty()) {
    const Node* node = look.back();
    look.pop_back();
    for (const Edge& edge : node->dependencies)
      if (seen.insert(edge.before).second) look.push_back(edge.before);
  }
  auto joined = [&](const Edge& edge) { return seen.contains(edge.before); };
  return std::ranges::all_of(capture.left, joined) && std::ranges::all_of(captures().streams, [&](const auto& entry) {
           return entry.second.capture.get() != &capture || std::ranges::all_of(entry.second.frontier, joined);
         });
}

CUresult begin(CUstream stream, CUstreamCaptureMode mode, Graph* graph, std::vector<Edge> frontier) {
  CUstream own = resolve(stream);
  if (!own) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (!is_stream(own)) return CUDA_ERROR_INVALID_HANDLE;
  if (mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  if (find_stream(own)) return CUDA_ERROR_ILLEGAL_STATE;
  auto capture = std::make_shared<Capture>();
  capture->id = ++captures().last_id;
  capture->own_graph = !graph;
  capture->graph = graph ? graph : graph::create();
  ++capture->graph->captures;
  capture->origin = own;
  capture->thread = std::this_thread::get_id();
  capture->mode = mode;
  capture->context = current();
  captures().streams[own] = {std::move(capture), std::move(frontier), {}, {}};
  captures_under_way.fetch_add(1);
  return CUDA_SUCCESS;
}

CUresult finish(CUstream stream, CUgraph* graph) {
  *graph = nullptr;
  CUstream own = resolve(stream);
  CapturedStream* found = own ? find_stream(own) : nullptr;
  if (!found) return CUDA_ERROR_ILLEGAL_STATE;
  std::shared_ptr<Capture> capture = found->capture;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  if (capture->origin != own) return fail(capture, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  CUresult result = capture->invalid       ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
                    : !is_joined(*capture) ? CUDA_ERROR_STREAM_CAPTURE_UNJOINED
                                           : CUDA_SUCCESS;
  end(capture);
  if (result == CUDA_SUCCESS)
    *graph = handle_of(capture->graph);
  else if (capture->own_graph)
    withdraw(capture->graph);
  return result;
}

}  // namespace
}  // namespace client

using namespace client;

OUTBOARD_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  if (!mode || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::swap(thread_mode(), *mode);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  if (CUresult result = require_context()) return result;
  Hold hold;
  return begin(hStream, mode, nullptr, {});
}

OUTBOARD_EXPORT CUresult cuStreamBeginCapture(CUstream hStream) {
  return cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

OUTBOARD_EXPORT CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies,
                                                     const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                                     CUstreamCaptureMode mode) {
  if (CUresult result = require_context()) return result;
  Hold hold;
  Graph* graph = graph::find(hGraph);
  std::vector<Edge> frontier;
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = read_edges(*graph, dependencies, dependencyData, numDependencies, frontier)) return result;
  return begin(hStream, mode, graph, std::move(frontier));
}

OUTBOARD_EXPORT CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  if (CUresult result = require_context()) return result;
  Hold hold;
  CUgraph unread;  // who captures into a graph of its own may not want it
  return finish(hStream, phGraph ? phGraph : &unread);
}

OUTBOARD_EXPORT CUresult cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                                   cuuint64_t* id_out, CUgraph* graph_out,
                                                   const CUgraphNode** dependencies_out,
                                                   const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  if (CUresult result = require_context()) return result;
  if (!captureStatus_out) return CUDA_ERROR_INVALID_VALUE;
  *captureStatus_out = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!capturing(hStream)) return is_stream(resolve(hStream)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  Hold hold;
  CUstream own = resolve(hStream);
  if (!own) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  CapturedStream& found = *find_stream(own);
  const Capture& capture = *found.capture;
  *captureStatus_out = capture.invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (id_out) *id_out = capture.id;
  if (capture.invalid) return CUDA_SUCCESS;
  found.shown_nodes.clear(), found.shown_edges.clear();
  static constexpr CUgraphEdgeData plain{};
  for (const Edge& edge : found.frontier) {
    if (dependencies_out && !edgeData_out && std::memcmp(&edge.data, &plain, sizeof plain) != 0)
      return CUDA_ERROR_LOSSY_QUERY;
    found.shown_nodes.push_back(handle_of(edge.before));
    found.shown_edges.push_back(edge.data);
  }
  if (graph_out) *graph_out = handle_of(capture.graph);
  if (dependencies_out) *dependencies_out = found.shown_nodes.data();
  if (edgeData_out) *edgeData_out = found.shown_edges.data();
  if (numDependencies_out) *numDependencies_out = found.frontier.size();
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                                   cuuint64_t* id_out, CUgraph* graph_out,
                                                   const CUgraphNode** dependencies_out, size_t* numDependencies_out) {
  return cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, graph_out, dependencies_out, nullptr,
                                   numDependencies_out);
}

OUTBOARD_EXPORT CUresult cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                                cuuint64_t* id_out) {
  return cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, nullptr, nullptr, nullptr, nullptr);
}

OUTBOARD_EXPORT CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  return cuStreamGetCaptureInfo(hStream, captureStatus, nullptr);
}

OUTBOARD_EXPORT CUresult cuStreamUpdateCaptureDependencies_v2(CUstream hStream, CUgraphNode* dependencies,
                                                              const CUgraphEdgeData* dependencyData,
                                                              size_t numDependencies, unsigned int flags) {
  if (CUresult result = require_context()) return result;
  if (flags > CU_STREAM_SET_CAPTURE_DEPENDENCIES) return CUDA_ERROR_INVALID_VALUE;
  Hold hold;
  CapturedStream* found = nullptr;
  if (CUresult result = enter(hStream, found)) return result;
  std::vector<Edge> edges;
  Graph& graph = *found->capture->graph;
  if (CUresult result = read_edges(graph, dependencies, dependencyData, numDependencies, edges)) return result;
  if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES) found->frontier.clear();
  merge(found->frontier, edges);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuStreamUpdateCaptureDependencies(CUstream hStream, CUgraphNode* dependencies,
                                                           size_t numDependencies, unsigned int flags) {
  return cuStreamUpdateCaptureDependencies_v2(hStream, dependencies, nullptr, numDependencies, flags);
}
