// Graphs as the program holds them: nodes, their parameters and what comes before what. All of a graph lives here; the
// device gets it when it is instantiated (exec.h).
//
// CUgraph and CUgraphNode are pointers to these. The functions here expect the caller to hold the lock (Hold).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/cuda/abi.h"
#include "api/cuda/internal.h"

namespace client::graph {

struct Graph;
struct Node;
struct Block;       // memory.h
struct UserObject;  // user_objects.h

// --- what a node does

struct KernelWork {
  CUfunction function = nullptr;
  CUcontext context = nullptr;
  LaunchShape shape{};
  std::vector<std::byte> parameters;  // as the kernel gets them
  std::vector<CUlaunchAttribute> attributes;
  std::vector<void*> shown;  // what cuGraphKernelNodeGetParams last pointed at
};
struct CopyWork {
  CUDA_MEMCPY3D copy{};
  CUcontext context = nullptr;
};
struct FillWork {
  CUDA_MEMSET_NODE_PARAMS_v2 fill{};
};
struct HostWork {
  CUhostFn run = nullptr;
  void* data = nullptr;
};
struct ChildWork {
  std::unique_ptr<Graph> graph;
};
struct EmptyWork {};
struct WaitWork {
  CUevent event = nullptr;
};
struct RecordWork {
  CUevent event = nullptr;
};
struct SignalSemaphoreWork {};  // semaphores of other APIs cannot be imported, so none of these two is ever made
struct WaitSemaphoreWork {};
struct AllocateWork {
  CUDA_MEM_ALLOC_NODE_PARAMS params{};
  std::vector<CUmemAccessDesc> access;
  std::shared_ptr<Block> block;
};
struct FreeWork {
  CUdeviceptr address = 0;
  std::shared_ptr<Block> block;
};
struct MemoryOperationsWork {
  CUcontext context = nullptr;
  unsigned flags = 0;
  std::vector<CUstreamBatchMemOpParams> operations;
};
struct ConditionalWork {
  CUDA_CONDITIONAL_NODE_PARAMS params{};
  std::vector<std::unique_ptr<Graph>> bodies;
  std::vector<CUgraph> handles;  // of the bodies: what phGraph_out points at
};

// In the order of CUgraphNodeType.
using Work =
    std::variant<KernelWork, CopyWork, FillWork, HostWork, ChildWork, EmptyWork, WaitWork, RecordWork,
                 SignalSemaphoreWork, WaitSemaphoreWork, AllocateWork, FreeWork, MemoryOperationsWork, ConditionalWork>;

// --- nodes and graphs

struct Edge {
  Node* before = nullptr;
  CUgraphEdgeData data{};
};

struct Node {
  Graph* graph = nullptr;
  Work work;
  std::vector<Edge> dependencies;
  std::vector<Node*> dependents;
  uint64_t id = 0, copied_from = 0;  // never used twice; 0: no copy
  bool enabled = true;               // of an executable graph

  CUgraphNodeType type() const { return static_cast<CUgraphNodeType>(work.index()); }
};

// The condition of conditional nodes: 32 bits of device memory, whose address is the program's handle.
struct Condition {
  CUgraphConditionalHandle handle = 0;
  unsigned initial = 0, flags = 0;
};

struct Graph {
  Graph() = default;
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Node* owner = nullptr;      // the node that this is the child graph or a body of
  bool visible = false;       // handles of it are out
  bool instantiated = false;  // holds memory nodes and has an executable: only one at a time
  int captures = 0;           // under way into it
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::shared_ptr<Condition>> conditions;
  std::map<std::shared_ptr<UserObject>, unsigned> objects;  // how many references the graph owns
};

inline CUgraph handle_of(const Graph* graph) { return reinterpret_cast<CUgraph>(const_cast<Graph*>(graph)); }
inline CUgraphNode handle_of(const Node* node) { return reinterpret_cast<CUgraphNode>(const_cast<Node*>(node)); }

// --- the lock

// Held while anything of a graph is looked at. What must run after it is left, the program's functions for one, is
// handed to `afterwards`.
class Hold {
 public:
  Hold();
  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
};
void afterwards(std::function<void()> task);

// --- finding and making

// Null when the handle is none of ours or its object is gone.
Graph* find(CUgraph handle);
Node* find(CUgraphNode handle);

Graph* create();
// Makes a graph known to the program, with everything in it.
Graph* publish(std::unique_ptr<Graph> graph);
void show(Graph& graph);  // one that a node owns
// Takes it back: null when a node owns it.
std::unique_ptr<Graph> withdraw(Graph* graph);

CUresult add_node(Graph& graph, std::vector<Edge> dependencies, Work work, Node*& made);
// From the program's arrays. CUDA_ERROR_INVALID_VALUE: a node of another graph, one named twice, or unknown edge data.
CUresult read_edges(Graph& graph, const CUgraphNode* nodes, const CUgraphEdgeData* data, size_t count,
                    std::vector<Edge>& edges);
CUresult connect(Node& from, Node& to, const CUgraphEdgeData& data);
CUresult disconnect(Node& from, Node& to, const CUgraphEdgeData* data);
void remove(Node& node);

// Every node after those that it depends on; empty when there is a cycle (or no node).
std::vector<Node*> topological_order(const Graph& graph);
// The same with the nodes of child graphs in place of their node.
std::vector<Node*> flat_order(const Graph& graph);
// `earlier` comes before `later` on every way through the graph.
bool precedes(const Node& earlier, const Node& later);
// The graph and those in it, depth first.
void each_node(const Graph& graph, const std::function<void(Node&)>& visit);
bool has_memory_nodes(const Graph& graph);

// A copy with everything in it. `made` gets the copy of each node, child graphs' and bodies' included.
using Copies = std::unordered_map<const Node*, Node*>;
std::unique_ptr<Graph> copy(const Graph& graph, Copies* made = nullptr);
Work copy(const Work& work, Copies* made = nullptr);

}  // namespace client::graph
