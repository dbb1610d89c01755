// Conditional nodes and the values that they look at.
#pragma once
#include "client/cuda/graph/graph.h"

namespace client {
struct Context;
}

namespace client::graph {

// The work of a new conditional node of `graph`; `params` gets the graphs to fill.
CUresult read(Graph& graph, CUDA_CONDITIONAL_NODE_PARAMS& params, ConditionalWork& work);
bool has_conditions(const Graph& graph);
// Every handle of the graph belongs to a conditional node in it.
bool conditions_are_used(const Graph& graph);
// The context's memory is gone.
void forget_conditions(const Context& context);

}  // namespace client::graph
