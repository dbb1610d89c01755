// What may change in an executable graph (CUDA Driver API, cuGraphExecUpdate and cuGraphExec*NodeSetParams).
#pragma once
#include "client/cuda/graph/exec.h"

namespace client::graph {

// May `now` take the place of `was`?
CUgraphExecUpdateResult check_change(const Work& was, const Work& now);

// Pairs the nodes of two graphs of the same shape, from their last nodes backwards by the order of edges.
// `info` says where they differ.
bool pair_nodes(const Graph& was, const Graph& now, std::vector<std::pair<Node*, Node*>>& pairs,
                CUgraphExecUpdateResultInfo& info);

// Takes over the parameters of `graph`, if all of them may change.
CUresult update(Exec& exec, const Graph& graph, CUgraphExecUpdateResultInfo& info);

}  // namespace client::graph
