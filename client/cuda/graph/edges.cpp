// Questions about the shape of graphs, and changes of it.
#include <cstring>

#include "client/cuda/functions.h"
#include "client/cuda/graph/graph.h"

using namespace client::graph;

namespace {

// The driver API's way to hand out lists: null asks for the number, and room beyond it is filled with null.
CUresult hand_out(const std::vector<Node*>& found, CUgraphNode* nodes, size_t* count) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  if (nodes)
    for (size_t i = 0; i < *count; ++i) nodes[i] = i < found.size() ? handle_of(found[i]) : nullptr;
  if (!nodes || *count > found.size()) *count = found.size();
  return CUDA_SUCCESS;
}

struct Link {
  Node *from, *to;
  CUgraphEdgeData data;
};

bool is_plain(const CUgraphEdgeData& data) {
  static constexpr CUgraphEdgeData plain{};
  return std::memcmp(&data, &plain, sizeof data) == 0;
}

// The same for edges. `data` null: refused if that would hide something (CUDA_ERROR_LOSSY_QUERY).
CUresult hand_out(const std::vector<Link>& links, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data,
                  size_t* count) {
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  bool asked = from || to;
  size_t room = asked ? *count : 0;
  for (size_t i = 0; i < room; ++i) {
    bool there = i < links.size();
    if (there && !data && !is_plain(links[i].data)) return CUDA_ERROR_LOSSY_QUERY;
    if (from) from[i] = there ? handle_of(links[i].from) : nullptr;
    if (to) to[i] = there ? handle_of(links[i].to) : nullptr;
    if (data) data[i] = there ? links[i].data : CUgraphEdgeData{};
  }
  if (!asked || *count > links.size()) *count = links.size();
  return CUDA_SUCCESS;
}

std::vector<Link> links_into(Node& node) {
  std::vector<Link> links;
  for (const Edge& edge : node.dependencies) links.push_back({edge.before, &node, edge.data});
  return links;
}

std::vector<Link> links_out_of(Node& node) {
  std::vector<Link> links;
  for (Node* after : node.dependents)
    for (const Link& link : links_into(*after))
      if (link.from == &node) links.push_back(link);
  return links;
}

// One change for each pair of nodes, or none when one cannot be made.
template <class Change>
CUresult each_pair(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, size_t count, Change change) {
  Graph* graph = find(handle);
  if (!graph || (count && (!from || !to))) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    Node *first = find(from[i]), *second = find(to[i]);
    if (!first || !second || first->graph != graph || second->graph != graph) return CUDA_ERROR_INVALID_VALUE;
  }
  for (size_t i = 0; i < count; ++i)
    if (CUresult result = change(*find(from[i]), *find(to[i]), i)) return result;
  return CUDA_SUCCESS;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType* type) {
  Hold hold;
  Node* node = find(hNode);
  if (!node || !type) return CUDA_ERROR_INVALID_VALUE;
  *type = node->type();
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuGraphGetNodes(CUgraph hGraph, CUgraphNode* nodes, size_t* numNodes) {
  Hold hold;
  Graph* graph = find(hGraph);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  std::vector<Node*> found;
  for (const auto& node : graph->nodes) found.push_back(node.get());
  return hand_out(found, nodes, numNodes);
}

OUTBOARD_EXPORT CUresult cuGraphGetRootNodes(CUgraph hGraph, CUgraphNode* rootNodes, size_t* numRootNodes) {
  Hold hold;
  Graph* graph = find(hGraph);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  std::vector<Node*> found;
  for (const auto& node : graph->nodes)
    if (node->dependencies.empty()) found.push_back(node.get());
  return hand_out(found, rootNodes, numRootNodes);
}

OUTBOARD_EXPORT CUresult cuGraphGetEdges_v2(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to,
                                            CUgraphEdgeData* edgeData, size_t* numEdges) {
  Hold hold;
  Graph* graph = find(hGraph);
  if (!graph || (!from != !to)) return CUDA_ERROR_INVALID_VALUE;
  std::vector<Link> links;
  for (const auto& node : graph->nodes)
    for (const Link& link : links_into(*node)) links.push_back(link);
  return hand_out(links, from, to, edgeData, numEdges);
}

OUTBOARD_EXPORT CUresult cuGraphGetEdges(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, size_t* numEdges) {
  return cuGraphGetEdges_v2(hGraph, from, to, nullptr, numEdges);
}

OUTBOARD_EXPORT CUresult cuGraphNodeGetDependencies_v2(CUgraphNode hNode, CUgraphNode* dependencies,
                                                       CUgraphEdgeData* edgeData, size_t* numDependencies) {
  Hold hold;
  Node* node = find(hNode);
  return node ? hand_out(links_into(*node), dependencies, nullptr, edgeData, numDependencies)
              : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphNodeGetDependencies(CUgraphNode hNode, CUgraphNode* dependencies,
                                                    size_t* numDependencies) {
  return cuGraphNodeGetDependencies_v2(hNode, dependencies, nullptr, numDependencies);
}

OUTBOARD_EXPORT CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                                         CUgraphEdgeData* edgeData, size_t* numDependentNodes) {
  Hold hold;
  Node* node = find(hNode);
  return node ? hand_out(links_out_of(*node), nullptr, dependentNodes, edgeData, numDependentNodes)
              : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                                      size_t* numDependentNodes) {
  return cuGraphNodeGetDependentNodes_v2(hNode, dependentNodes, nullptr, numDependentNodes);
}

OUTBOARD_EXPORT CUresult cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                                   const CUgraphEdgeData* edgeData, size_t numDependencies) {
  Hold hold;
  return each_pair(hGraph, from, to, numDependencies, [&](Node& first, Node& second, size_t i) {
    return connect(first, second, edgeData ? edgeData[i] : CUgraphEdgeData{});
  });
}

OUTBOARD_EXPORT CUresult cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                                size_t numDependencies) {
  return cuGraphAddDependencies_v2(hGraph, from, to, nullptr, numDependencies);
}

OUTBOARD_EXPORT CUresult cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                                      const CUgraphEdgeData* edgeData, size_t numDependencies) {
  Hold hold;
  if (Graph* graph = find(hGraph); graph && has_memory_nodes(*graph)) return CUDA_ERROR_NOT_SUPPORTED;
  return each_pair(hGraph, from, to, numDependencies, [&](Node& first, Node& second, size_t i) {
    return disconnect(first, second, edgeData ? &edgeData[i] : nullptr);
  });
}

OUTBOARD_EXPORT CUresult cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                                   size_t numDependencies) {
  return cuGraphRemoveDependencies_v2(hGraph, from, to, nullptr, numDependencies);
}
