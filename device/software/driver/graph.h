// Graphs: tasks that were recorded instead of run, and run whenever their graph is launched.
//
// A recording stream takes what is submitted to it as steps of a graph, so everything that a stream can do a graph can
// do, too. A launch submits chains of steps: one task for a chain, on the launching stream as long as there is
// nothing that could run beside it, else also on streams of the graph's own.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "api/cuda/abi.h"
#include "device/software/driver/state.h"
#include "device/software/driver/stream.h"

namespace software {

int64_t now();  // nanoseconds of the steady clock

struct Graph;

constexpr unsigned most_nested = 32;  // conditional nodes in each other

// What a conditional node does (CUDA Driver API, CUDA_CONDITIONAL_NODE_PARAMS).
struct Condition {
  uint64_t value = 0;  // address of the 32 bits that kernels set
  CUgraphConditionalNodeType type = CU_GRAPH_COND_TYPE_IF;
  std::vector<std::shared_ptr<Graph>> bodies;
};

struct Step {
  Stream::Task task;
  std::shared_ptr<Event> record, wait;  // at most one of the three
  std::unique_ptr<Condition> condition;
  std::vector<uint32_t> after;  // earlier steps
};

struct Graph {
  const void* context = nullptr;
  unsigned depth = 0;   // of conditional nodes around it
  std::mutex lock;      // of steps, until it is sealed
  bool sealed = false;  // there is an executable: nothing more may be recorded
  std::vector<Step> steps;
  std::vector<std::shared_ptr<void>> kept;  // user objects: as long as the graph, its executables and their launches
};

// Where a recording stream's tasks go. A step comes after those in `frontier`, and is the frontier then.
class Recording {
 public:
  explicit Recording(std::shared_ptr<Graph> graph) : graph_(std::move(graph)) {}

  void add(Stream::Task task);
  void add_record(std::shared_ptr<Event> event);
  void add_wait(std::shared_ptr<Event> event);
  void add_condition(std::unique_ptr<Condition> condition);

  const std::shared_ptr<Graph>& graph() const { return graph_; }
  bool set_frontier(std::vector<uint32_t> steps);  // false: no such step
  std::span<const CUgraphNode> nodes();            // the frontier, good until the next call

 private:
  void add_step(Step step);

  std::shared_ptr<Graph> graph_;
  std::vector<uint32_t> frontier_;
  std::vector<CUgraphNode> nodes_;
};

// A step's name in the driver API: its place in its graph, counted from 1.
inline CUgraphNode node_of(uint32_t step) { return reinterpret_cast<CUgraphNode>(uintptr_t{step} + 1); }
inline uint32_t step_of(CUgraphNode node) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(node) - 1); }

void seal(Graph& graph);

// Steps that follow each other without a choice.
struct Chain {
  std::vector<uint32_t> steps;
  std::vector<uint32_t> after;  // chains
  uint32_t lane = 0;            // 0: the launching stream
};
std::vector<Chain> chains_of(const Graph& graph);

class GraphExec : public std::enable_shared_from_this<GraphExec> {
 public:
  GraphExec(const void* context, std::shared_ptr<const Graph> graph);
  ~GraphExec();
  // Launches of one graph follow each other.
  void launch(const std::shared_ptr<Context>& context, const std::shared_ptr<Stream>& stream);

  const void* const context;

 private:
  Place submit(const std::shared_ptr<Context>& context, const std::shared_ptr<Stream>& stream, const Chain& chain,
               std::vector<Place> after);

  std::shared_ptr<const Graph> graph_;
  std::vector<Chain> chains_;
  std::vector<std::shared_ptr<Stream>> lanes_;  // without the launching stream
  std::mutex lock_;
  Place last_;
};

}  // namespace software
