// Executable graphs: a copy of a graph that the program can launch, and the device's recording of it.
//
// The device has the graph as calls that it recorded once (record.h). What a program changes in the copy is recorded
// anew before the next launch. What launches need of this process lives until the last of them is done (HostSide).
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>

#include "client/cuda/graph/graph.h"

namespace client {
struct Context;
}

namespace client::graph {

// User objects, for as long as an executable graph or a launch of it may use them.
struct KeptObjects {
  KeptObjects() = default;
  ~KeptObjects();
  KeptObjects(const KeptObjects&) = delete;
  KeptObjects& operator=(const KeptObjects&) = delete;

  std::map<std::shared_ptr<UserObject>, unsigned> objects;
};

// What the device asks this process for while a recording of a graph runs.
class HostSide {
 public:
  HostSide() = default;
  ~HostSide();
  HostSide(const HostSide&) = delete;
  HostSide& operator=(const HostSide&) = delete;

  uint64_t function(void (*run)(void*), void* data);
  uint64_t transfer(void* destination, size_t size);
  template <class Object>
  Object* keep(std::unique_ptr<Object> object) {
    Object* kept = object.get();
    kept_.push_back(std::move(object));
    return kept;
  }
  bool is_needed() const { return !numbers_.empty() || !kept_.empty(); }

 private:
  std::vector<uint64_t> numbers_;
  std::vector<std::shared_ptr<void>> kept_;
};

struct Exec {
  std::unique_ptr<Graph> graph;
  std::unordered_map<CUgraphNode, Node*> nodes;  // by the handles of the graph that it was made from
  Context* context = nullptr;
  unsigned long long flags = 0;
  CUgraph source = nullptr;        // only compared
  bool memory = false;             // has nodes that allocate or free
  bool changed = false;            // since it was recorded
  CUgraphExec recorded = nullptr;  // the device's
  CUstream last_stream = nullptr;  // of the last launch
  std::shared_ptr<HostSide> host;
  std::shared_ptr<KeptObjects> objects;
};

// Null: no such executable graph. The caller holds the lock, here and below.
Exec* find(CUgraphExec handle);
// The node of the executable graph that stands for one of the graph it was made from.
Node* find(Exec& exec, CUgraphNode node);

CUresult instantiate(Graph& graph, unsigned long long flags, CUgraphExec& made, CUgraphInstantiateResult& reason,
                     CUgraphNode& culprit);
// Into a stream as the program names it, which is not being captured.
CUresult launch(Exec& exec, CUstream stream);

}  // namespace client::graph
