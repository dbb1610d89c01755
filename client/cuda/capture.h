// Stream capture: calls into a stream become nodes of a graph instead of reaching the device (CUDA Driver API, "Stream
// Management"; CUDA Programming Guide, "Creating a graph using stream capture"). All of it happens in this process.
//
// A call that can be captured asks capturing() first and ends with capture(); one that cannot ends with
// refuse_capture(); one that waits or may wait asks whether that is allowed now. Streams are named as the program does.
#pragma once
#include <atomic>

#include "client/cuda/graph/graph.h"

namespace client {

// Captures under way, and events that were last recorded in one: programs without any pay a load.
inline std::atomic<int> captures_under_way{0}, captured_events{0};

bool capturing_stream(CUstream stream);
// The stream is being captured, or it is the legacy stream and would wait for one that is.
inline bool capturing(CUstream stream) {
  return captures_under_way.load(std::memory_order_relaxed) != 0 && capturing_stream(stream);
}

CUresult capture(CUstream stream, graph::Work work);
CUresult capture_allocation(CUstream stream, CUdeviceptr* address, size_t size);
CUresult capture_free(CUstream stream, CUdeviceptr address);
// Ends the hopes of the capture; returns the error of a call that cannot be captured.
CUresult refuse_capture(CUstream stream);

CUresult unsafe_call_during_capture();
CUresult legacy_use_during_capture();
CUresult context_use_during_capture();
CUresult event_use_after_capture(CUevent event);

// Calls that may wait without the program asking for it, such as cuMemAlloc.
inline CUresult check_unsafe_call() {
  return captures_under_way.load(std::memory_order_relaxed) ? unsafe_call_during_capture() : CUDA_SUCCESS;
}
// Calls that use the default stream and wait for it, such as cuMemcpy.
inline CUresult check_legacy_use() {
  return captures_under_way.load(std::memory_order_relaxed) ? legacy_use_during_capture() : CUDA_SUCCESS;
}
// Calls that wait for everything in the context.
inline CUresult check_context_use() {
  return captures_under_way.load(std::memory_order_relaxed) ? context_use_during_capture() : CUDA_SUCCESS;
}
// Calls that ask about an event or wait for it.
inline CUresult check_event_use(CUevent event) {
  if (captured_events.load(std::memory_order_relaxed))
    if (CUresult result = event_use_after_capture(event)) return result;
  return check_unsafe_call();
}

// Events: true when the call is over, with `result`.
bool capture_record(CUevent event, CUstream stream, unsigned flags, CUresult& result);
bool capture_wait(CUstream stream, CUevent event, unsigned flags, CUresult& result);
void forget_captured(CUevent event);
void forget_captured(CUstream stream);
void forget_captured(const graph::Node& node);

}  // namespace client
