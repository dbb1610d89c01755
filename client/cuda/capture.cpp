// What is being captured, and the rules about calls meanwhile.
#include "client/cuda/capture.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <unordered_set>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/streams.h"

namespace client {
namespace {

using graph::Edge, graph::Graph, graph::Hold, graph::Node, graph::Work;

// One capture sequence, from begin to end.
struct Capture {
  uint64_t id = 0;
  Graph* graph = nullptr;
  bool own_graph = false;  // made for it
  bool invalid = false, ended = false;
  CUstream origin = nullptr;
  std::thread::id thread;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  const Context* context = nullptr;
  std::vector<Edge> left;  // where streams stood that were destroyed meanwhile
};

// A stream in a capture, and what the next node in it comes after.
struct CapturedStream {
  std::shared_ptr<Capture> capture;
  std::vector<Edge> frontier;
  std::vector<CUgraphNode> shown_nodes;  // what cuStreamGetCaptureInfo last pointed at
  std::vector<CUgraphEdgeData> shown_edges;
};

struct CapturedEvent {
  std::shared_ptr<Capture> capture;
  std::vector<Edge> frontier;
};

// Streams as the server knows them. Guarded by graph::Hold.
struct Captures {
  std::map<CUstream, CapturedStream> streams;
  std::map<CUevent, CapturedEvent> events;
  uint64_t last_id = 0;
};
Captures& captures() {
  static auto* the = new Captures;
  return *the;
}

CUstreamCaptureMode& thread_mode() {
  thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

CapturedStream* find_stream(CUstream own) {
  auto found = captures().streams.find(own);
  return found == captures().streams.end() ? nullptr : &found->second;
}

void merge(std::vector<Edge>& into, const std::vector<Edge>& from) {
  for (const Edge& edge : from)
    if (std::ranges::find(into, edge.before, &Edge::before) == into.end()) into.push_back(edge);
}

// Marks those captures that `chosen` says; true when there was one.
template <class Chosen>
bool invalidate_if(Chosen chosen) {
  bool any = false;
  for (auto& [stream, captured] : captures().streams) {
    if (!chosen(stream, *captured.capture)) continue;
    captured.capture->invalid = true;
    any = true;
  }
  return any;
}

bool blocks_legacy(CUstream stream, const Capture& capture) {
  return capture.context == current() && is_blocking(stream);
}

CUresult implicit_use() {
  invalidate_if(blocks_legacy);
  return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
}

// Finds the capture that a call into `stream` belongs to.
CUresult enter(CUstream stream, CapturedStream*& found) {
  CUstream own = resolve(stream);
  if (!own) return implicit_use();
  found = find_stream(own);
  if (!found) return CUDA_ERROR_ILLEGAL_STATE;
  return found->capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

CUresult fail(const std::shared_ptr<Capture>& capture, CUresult why) {
  capture->invalid = true;
  return why;
}

CUresult append(CapturedStream& stream, Work work) {
  Node* node = nullptr;
  if (CUresult result = add_node(*stream.capture->graph, stream.frontier, std::move(work), node)) return result;
  stream.frontier = {{node, {}}};
  return CUDA_SUCCESS;
}

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

// Its streams are ordinary ones again. Its events stay unusable until they are recorded anew.
void end(const std::shared_ptr<Capture>& capture) {
  capture->ended = true;
  --capture->graph->captures;
  captures_under_way.fetch_sub(1);
  std::erase_if(captures().streams, [&](const auto& entry) { return entry.second.capture == capture; });
  for (auto& [event, captured] : captures().events)
    if (captured.capture == capture) captured.frontier.clear();
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

bool is_prohibited(const Capture& capture) {
  bool local = capture.thread == std::this_thread::get_id() && capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
  switch (thread_mode()) {
    case CU_STREAM_CAPTURE_MODE_GLOBAL: return local || capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    case CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: return local;
    default: return false;
  }
}

}  // namespace

// --- calls into streams

bool capturing_stream(CUstream stream) {
  Hold hold;
  CUstream own = resolve(stream);
  if (own) return find_stream(own) != nullptr;
  return std::ranges::any_of(captures().streams,
                             [](const auto& entry) { return blocks_legacy(entry.first, *entry.second.capture); });
}

CUresult capture(CUstream stream, Work work) {
  Hold hold;
  CapturedStream* found = nullptr;
  if (CUresult result = enter(stream, found)) return result;
  return append(*found, std::move(work));
}

CUresult capture_allocation(CUstream stream, CUdeviceptr* address, size_t size) {
  Hold hold;
  CapturedStream* found = nullptr;
  if (CUresult result = enter(stream, found)) return result;
  CUDA_MEM_ALLOC_NODE_PARAMS params{};
  params.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  params.poolProps.location = {CU_MEM_LOCATION_TYPE_DEVICE, current()->device};
  params.bytesize = size;
  graph::AllocateWork work;
  if (CUresult result = read(*found->capture->graph, found->frontier, params, work)) return result;
  *address = params.dptr;
  return append(*found, std::move(work));
}

CUresult capture_free(CUstream stream, CUdeviceptr address) {
  Hold hold;
  CapturedStream* found = nullptr;
  if (CUresult result = enter(stream, found)) return result;
  graph::FreeWork work;
  if (CUresult result = read(*found->capture->graph, address, work)) return fail(found->capture, result);
  return append(*found, std::move(work));
}

CUresult refuse_capture(CUstream stream) {
  Hold hold;
  CapturedStream* found = nullptr;
  if (CUresult result = enter(stream, found)) return result;
  return fail(found->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

// --- calls that wait

CUresult unsafe_call_during_capture() {
  Hold hold;
  bool prohibited = invalidate_if([](CUstream, const Capture& capture) { return is_prohibited(capture); });
  return prohibited ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult legacy_use_during_capture() {
  if (capturing_stream(nullptr)) return refuse_capture(nullptr);
  return unsafe_call_during_capture();
}

CUresult context_use_during_capture() {
  Hold hold;
  bool any = invalidate_if([](CUstream, const Capture& capture) { return capture.context == current(); });
  return any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult event_use_after_capture(CUevent event) {
  Hold hold;
  auto found = captures().events.find(event);
  if (found == captures().events.end()) return CUDA_SUCCESS;
  return fail(found->second.capture, CUDA_ERROR_CAPTURED_EVENT);
}

// --- events

bool capture_record(CUevent event, CUstream stream, unsigned flags, CUresult& result) {
  bool external = flags == CU_EVENT_RECORD_EXTERNAL;
  if (!capturing(stream)) {
    if (captured_events.load(std::memory_order_relaxed)) forget_captured(event);
    result = CUDA_ERROR_INVALID_VALUE;
    return external;  // which is for captures only
  }
  Hold hold;
  CapturedStream* found = nullptr;
  if ((result = enter(stream, found))) return true;
  if (external) return result = append(*found, graph::RecordWork{event}), true;
  captures().events[event] = {found->capture, found->frontier};
  captured_events = static_cast<int>(captures().events.size());
  return true;
}

bool capture_wait(CUstream stream, CUevent event, unsigned flags, CUresult& result) {
  bool external = flags == CU_EVENT_WAIT_EXTERNAL;
  bool into_capture = capturing(stream);
  if (!into_capture && !captured_events.load(std::memory_order_relaxed))
    return result = CUDA_ERROR_INVALID_VALUE, external;
  Hold hold;
  auto known = captures().events.find(event);
  CapturedEvent* captured = known == captures().events.end() ? nullptr : &known->second;
  CapturedStream* found = nullptr;
  if (into_capture) {
    if ((result = enter(stream, found))) return true;
    if (external) {
      result = captured ? fail(found->capture, CUDA_ERROR_INVALID_VALUE) : append(*found, graph::WaitWork{event});
    } else if (!captured || captured->capture->ended) {
      result = fail(found->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    } else if (captured->capture != found->capture) {
      fail(captured->capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
      result = fail(found->capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
    } else {
      merge(found->frontier, captured->frontier);
    }
    return true;
  }
  if (!captured || external) return result = CUDA_ERROR_INVALID_VALUE, external;
  CUstream own = resolve(stream);
  if (captured->capture->ended)
    result = CUDA_ERROR_CAPTURED_EVENT;
  else if (captured->capture->invalid)
    result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  else if (!own)
    result = fail(captured->capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  else  // the stream takes part from here on
    captures().streams[own] = {captured->capture, captured->frontier, {}, {}}, result = CUDA_SUCCESS;
  return true;
}

void forget_captured(CUevent event) {
  Hold hold;
  captures().events.erase(event);
  captured_events = static_cast<int>(captures().events.size());
}

void forget_captured(CUstream stream) {
  if (!captures_under_way.load(std::memory_order_relaxed)) return;
  Hold hold;
  CapturedStream* found = find_stream(stream);
  if (!found) return;
  std::shared_ptr<Capture> capture = found->capture;
  if (capture->origin != stream) merge(capture->left, found->frontier);
  captures().streams.erase(stream);
  if (capture->origin != stream) return;
  end(capture);  // nobody can end it any more
  if (capture->own_graph) withdraw(capture->graph);
}

void forget_captured(const Node& node) {
  auto is_it = [&](const Edge& edge) { return edge.before == &node; };
  for (auto& [stream, captured] : captures().streams) std::erase_if(captured.frontier, is_it);
  for (auto& [stream, captured] : captures().streams) std::erase_if(captured.capture->left, is_it);
  for (auto& [event, captured] : captures().events) std::erase_if(captured.frontier, is_it);
}

}  // namespace client

using namespace client;

// --- the driver API

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
