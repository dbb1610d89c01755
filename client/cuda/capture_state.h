// What is being captured: shared by the calls that begin and end a capture (capture_calls.cpp) and the rules about all
// others (capture.cpp). Streams are named as the server knows them; everything is guarded by graph::Hold.
#pragma once
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "client/cuda/contexts.h"
#include "client/cuda/graph/graph.h"

namespace client::capture_state {

using graph::Edge, graph::Graph, graph::Node;

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

struct Captures {
  std::map<CUstream, CapturedStream> streams;
  std::map<CUevent, CapturedEvent> events;
  uint64_t last_id = 0;
};
Captures& captures();
// What this thread says about captures of others (cuThreadExchangeStreamCaptureMode).
CUstreamCaptureMode& thread_mode();

CapturedStream* find_stream(CUstream own);
// Finds the capture that a call into `stream` belongs to.
CUresult enter(CUstream stream, CapturedStream*& found);
// Its streams are ordinary ones again. Its events stay unusable until they are recorded anew.
void end(const std::shared_ptr<Capture>& capture);
void merge(std::vector<Edge>& into, const std::vector<Edge>& from);
inline CUresult fail(const std::shared_ptr<Capture>& capture, CUresult why) {
  capture->invalid = true;
  return why;
}

}  // namespace client::capture_state
