// Sends a graph to the device, which records it.
#pragma once
#include "client/cuda/graph/exec.h"

namespace client::graph {

// What the device then knows the recording by; what it will ask of this process goes into `host`. `waits`: errors of
// the recording are returned, else they come with a later call.
CUresult record(const Graph& graph, HostSide& host, bool waits, CUgraphExec& recorded);

// Makes what kernels and copies of the graph see of host memory alike on both sides, before a launch into `stream`.
CUresult before_graph_launch(const Graph& graph, CUstream stream);

}  // namespace client::graph
