// The rules about calls while something is captured.
#include "client/cuda/capture.h"

#include <algorithm>
#include <thread>

#include "client/cuda/capture_state.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/graph/memory.h"
#include "client/cuda/streams.h"

namespace client {

using namespace capture_state;
using graph::Hold, graph::Work;

namespace {

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

}  // namespace

namespace capture_state {

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

CUresult enter(CUstream stream, CapturedStream*& found) {
  CUstream own = resolve(stream);
  if (!own) return implicit_use();
  found = find_stream(own);
  if (!found) return CUDA_ERROR_ILLEGAL_STATE;
  return found->capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

void end(const std::shared_ptr<Capture>& capture) {
  capture->ended = true;
  --capture->graph->captures;
  captures_under_way.fetch_sub(1);
  std::erase_if(captures().streams, [&](const auto& entry) { return entry.second.capture == capture; });
  for (auto& [event, captured] : captures().events)
    if (captured.capture == capture) captured.frontier.clear();
}

}  // namespace capture_state

namespace {

CUresult append(CapturedStream& stream, Work work) {
  Node* node = nullptr;
  if (CUresult result = add_node(*stream.capture->graph, stream.frontier, std::move(work), node)) return result;
  stream.frontier = {{node, {}}};
  return CUDA_SUCCESS;
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
