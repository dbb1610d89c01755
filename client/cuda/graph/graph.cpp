// Graphs and nodes as data: making, connecting, ordering and copying them.
#include "client/cuda/graph/graph.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "client/cuda/graph/memory.h"
#include "client/cuda/graph/user_objects.h"

namespace client::graph {
namespace {

// What the program may name. Leaked on purpose: programs call the driver while they exit.
struct Known {
  std::recursive_mutex lock;
  int depth = 0;  // of holds
  std::vector<std::function<void()>> later;
  std::unordered_map<const Graph*, std::unique_ptr<Graph>> owned;  // null: owned by a node
  std::unordered_set<const Node*> nodes;
  uint64_t last_id = 0;  // of nodes
};
Known& known() {
  static auto* the = new Known;
  return *the;
}

// The graphs in a node.
std::vector<Graph*> inner(const Node& node) {
  std::vector<Graph*> graphs;
  if (auto* child = std::get_if<ChildWork>(&node.work)) graphs.push_back(child->graph.get());
  if (auto* conditional = std::get_if<ConditionalWork>(&node.work))
    for (const auto& body : conditional->bodies) graphs.push_back(body.get());
  return graphs;
}

void adopt(Node& node) {
  for (Graph* graph : inner(node)) {
    graph->owner = &node;
    if (node.graph->visible) show(*graph);
  }
}

bool legal(const CUgraphEdgeData& data) {
  return data.from_port <= 2 && data.to_port == 0 && data.type <= CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
}

Edge* find_edge(Node& from, Node& to) {
  auto found = std::ranges::find(to.dependencies, &from, &Edge::before);
  return found == to.dependencies.end() ? nullptr : &*found;
}

}  // namespace

// --- the lock

Hold::Hold() {
  known().lock.lock();
  ++known().depth;
}

Hold::~Hold() {
  std::vector<std::function<void()>> tasks;
  if (--known().depth == 0) tasks.swap(known().later);
  known().lock.unlock();
  for (const auto& task : tasks) task();
}

void afterwards(std::function<void()> task) { known().later.push_back(std::move(task)); }

// --- finding and making

Graph* find(CUgraph handle) {
  auto* graph = reinterpret_cast<Graph*>(handle);
  return known().owned.contains(graph) ? graph : nullptr;
}

Node* find(CUgraphNode handle) {
  auto* node = reinterpret_cast<Node*>(handle);
  return known().nodes.contains(node) ? node : nullptr;
}

Graph* create() { return publish(std::make_unique<Graph>()); }

Graph* publish(std::unique_ptr<Graph> graph) {
  Graph* made = graph.get();
  known().owned[made] = std::move(graph);
  show(*made);
  return made;
}

std::unique_ptr<Graph> withdraw(Graph* graph) {
  auto found = known().owned.find(graph);
  if (found == known().owned.end() || !found->second) return nullptr;
  std::unique_ptr<Graph> own = std::move(found->second);
  known().owned.erase(found);
  return own;
}

void show(Graph& graph) {
  graph.visible = true;  // and stays so
  if (!known().owned.contains(&graph)) known().owned[&graph] = nullptr;
  for (const auto& node : graph.nodes) {
    known().nodes.insert(node.get());
    for (Graph* below : inner(*node)) show(*below);
  }
}

Graph::~Graph() {
  for (const auto& node : nodes) known().nodes.erase(node.get());
  if (owner) known().owned.erase(this);
  for (const auto& [object, count] : objects) release(object, count);
}

CUresult add_node(Graph& graph, std::vector<Edge> dependencies, Work work, Node*& made) {
  auto node = std::make_unique<Node>();
  made = node.get();
  node->graph = &graph;
  node->id = ++known().last_id;
  node->work = std::move(work);
  for (const Edge& edge : dependencies) edge.before->dependents.push_back(made);
  node->dependencies = std::move(dependencies);
  if (graph.visible) known().nodes.insert(made);
  adopt(*node);
  graph.nodes.push_back(std::move(node));
  return CUDA_SUCCESS;
}

CUresult read_edges(Graph& graph, const CUgraphNode* nodes, const CUgraphEdgeData* data, size_t count,
                    std::vector<Edge>& edges) {
  if (count && !nodes) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    Node* before = find(nodes[i]);
    if (!before || before->graph != &graph) return CUDA_ERROR_INVALID_VALUE;
    if (std::ranges::find(edges, before, &Edge::before) != edges.end()) return CUDA_ERROR_INVALID_VALUE;
    Edge edge{before, data ? data[i] : CUgraphEdgeData{}};
    if (!legal(edge.data)) return CUDA_ERROR_INVALID_VALUE;
    edges.push_back(edge);
  }
  return CUDA_SUCCESS;
}

CUresult connect(Node& from, Node& to, const CUgraphEdgeData& data) {
  if (from.graph != to.graph || &from == &to || !legal(data) || find_edge(from, to)) return CUDA_ERROR_INVALID_VALUE;
  to.dependencies.push_back({&from, data});
  from.dependents.push_back(&to);
  return CUDA_SUCCESS;
}

CUresult disconnect(Node& from, Node& to, const CUgraphEdgeData* data) {
  Edge* edge = find_edge(from, to);
  if (!edge || (data && std::memcmp(&edge->data, data, sizeof *data) != 0)) return CUDA_ERROR_INVALID_VALUE;
  std::erase_if(to.dependencies, [&](const Edge& one) { return one.before == &from; });
  std::erase(from.dependents, &to);
  return CUDA_SUCCESS;
}

void remove(Node& node) {
  for (Node* after : node.dependents)
    std::erase_if(after->dependencies, [&](const Edge& edge) { return edge.before == &node; });
  for (const Edge& edge : node.dependencies) std::erase(edge.before->dependents, &node);
  known().nodes.erase(&node);
  std::erase_if(node.graph->nodes, [&](const auto& one) { return one.get() == &node; });
}

// --- order

std::vector<Node*> topological_order(const Graph& graph) {
  std::vector<Node*> order;
  std::unordered_map<const Node*, size_t> waiting;
  for (const auto& node : graph.nodes) {
    waiting[node.get()] = node->dependencies.size();
    if (node->dependencies.empty()) order.push_back(node.get());
  }
  for (size_t i = 0; i < order.size(); ++i)
    for (Node* after : order[i]->dependents)
      if (--waiting[after] == 0) order.push_back(after);
  if (order.size() != graph.nodes.size()) order.clear();
  return order;
}

std::vector<Node*> flat_order(const Graph& graph) {
  std::vector<Node*> order;
  for (Node* node : topological_order(graph)) {
    auto* child = std::get_if<ChildWork>(&node->work);
    if (!child) order.push_back(node);
    if (child) std::ranges::copy(flat_order(*child->graph), std::back_inserter(order));
  }
  return order;
}

bool precedes(const Node& earlier, const Node& later) {
  std::vector<const Node*> look{&later};
  std::unordered_set<const Node*> seen;
  while (!look.empty()) {
    const Node* node = look.back();
    look.pop_back();
    for (const Edge& edge : node->dependencies) {
      if (edge.before == &earlier) return true;
      if (seen.insert(edge.before).second) look.push_back(edge.before);
    }
  }
  return false;
}

void each_node(const Graph& graph, const std::function<void(Node&)>& visit) {
  for (const auto& node : graph.nodes) {
    visit(*node);
    for (Graph* below : inner(*node)) each_node(*below, visit);
  }
}

bool has_memory_nodes(const Graph& graph) {
  bool has = false;
  each_node(graph, [&](Node& node) {
    has |= node.type() == CU_GRAPH_NODE_TYPE_MEM_ALLOC || node.type() == CU_GRAPH_NODE_TYPE_MEM_FREE;
  });
  return has;
}

// --- copies

namespace {

struct CopyOf {
  Copies* made;
  template <class Plain>
  Work operator()(const Plain& work) const {
    return work;
  }
  Work operator()(const ChildWork& work) const { return ChildWork{copy(*work.graph, made)}; }
  Work operator()(const ConditionalWork& work) const {
    ConditionalWork own;
    own.params = work.params;
    for (const auto& body : work.bodies) {
      own.bodies.push_back(copy(*body, made));
      own.handles.push_back(handle_of(own.bodies.back().get()));
    }
    return own;
  }
};

}  // namespace

Work copy(const Work& work, Copies* made) { return std::visit(CopyOf{made}, work); }

std::unique_ptr<Graph> copy(const Graph& graph, Copies* made) {
  auto own = std::make_unique<Graph>();
  own->conditions = graph.conditions;
  own->objects = graph.objects;
  for (const auto& [object, count] : own->objects) retain(*object, count);
  Copies copies;
  for (const auto& node : graph.nodes) {
    auto twin = std::make_unique<Node>();
    twin->graph = own.get();
    twin->work = copy(node->work, made);
    twin->id = ++known().last_id;
    twin->copied_from = node->id;
    twin->enabled = node->enabled;
    adopt(*twin);
    copies[node.get()] = twin.get();
    own->nodes.push_back(std::move(twin));
  }
  for (const auto& node : graph.nodes) {
    for (const Edge& edge : node->dependencies)
      copies[node.get()]->dependencies.push_back({copies[edge.before], edge.data});
    for (Node* after : node->dependents) copies[node.get()]->dependents.push_back(copies[after]);
  }
  if (made) made->insert(copies.begin(), copies.end());
  return own;
}

}  // namespace client::graph
