// How a graph is recorded, arranged into chains, and run.
#include "device/software/driver/graph.h"

#include <algorithm>

#include "device/software/run/faults.h"

namespace software {
namespace {

constexpr size_t most_lanes = 16;  // beyond that, chains wait for each other although they need not

bool is_true(const std::shared_ptr<Context>& context, const Condition& condition, uint32_t& value) {
  if (context->error()) return false;
  if (guarded_copy(&value, reinterpret_cast<const void*>(condition.value), sizeof value)) return value != 0;
  context->fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  return false;
}

void run_steps(const std::shared_ptr<Context>& context, const Graph& graph);

void run_condition(const std::shared_ptr<Context>& context, const Condition& condition) {
  uint32_t value = 0;
  bool holds = is_true(context, condition, value);
  const auto& bodies = condition.bodies;
  if (context->error()) return;
  switch (condition.type) {
    case CU_GRAPH_COND_TYPE_IF:
      if (holds) return run_steps(context, *bodies[0]);
      if (bodies.size() > 1) run_steps(context, *bodies[1]);
      return;
    case CU_GRAPH_COND_TYPE_WHILE:
      for (; holds; holds = is_true(context, condition, value)) run_steps(context, *bodies[0]);
      return;
    case CU_GRAPH_COND_TYPE_SWITCH:
      if (value < bodies.size()) run_steps(context, *bodies[value]);
      return;
  }
}

void run_step(const std::shared_ptr<Context>& context, const Step& step) {
  if (step.task) step.task();
  if (step.condition) run_condition(context, *step.condition);
}

// Any order that respects the dependencies is right, and the order of recording is one.
void run_steps(const std::shared_ptr<Context>& context, const Graph& graph) {
  for (const Step& step : graph.steps) run_step(context, step);
}

}  // namespace

// --- recording

void Recording::add_step(Step step) {
  std::lock_guard hold(graph_->lock);
  if (graph_->sealed) return;
  step.after = frontier_;
  frontier_ = {static_cast<uint32_t>(graph_->steps.size())};
  graph_->steps.push_back(std::move(step));
}

void Recording::add(Stream::Task task) {
  Step step;
  step.task = std::move(task);
  add_step(std::move(step));
}

void Recording::add_record(std::shared_ptr<Event> event) {
  Step step;
  step.record = std::move(event);
  add_step(std::move(step));
}

void Recording::add_wait(std::shared_ptr<Event> event) {
  Step step;
  step.wait = std::move(event);
  add_step(std::move(step));
}

void Recording::add_condition(std::unique_ptr<Condition> condition) {
  Step step;
  step.condition = std::move(condition);
  add_step(std::move(step));
}

bool Recording::set_frontier(std::vector<uint32_t> steps) {
  std::lock_guard hold(graph_->lock);
  if (std::ranges::any_of(steps, [&](uint32_t step) { return step >= graph_->steps.size(); })) return false;
  frontier_ = std::move(steps);
  return true;
}

std::span<const CUgraphNode> Recording::nodes() {
  std::lock_guard hold(graph_->lock);
  nodes_.clear();
  for (uint32_t step : frontier_) nodes_.push_back(node_of(step));
  return nodes_;
}

void seal(Graph& graph) {
  {
    std::lock_guard hold(graph.lock);
    graph.sealed = true;
  }
  for (const Step& step : graph.steps)
    if (step.condition)
      for (const auto& body : step.condition->bodies) seal(*body);
}

// --- chains

// A chain ends at a record of an event, so that its place is the event's, and where paths fork or join.
std::vector<Chain> chains_of(const Graph& graph) {
  std::vector<uint32_t> followers(graph.steps.size()), chain_of(graph.steps.size());
  for (const Step& step : graph.steps)
    for (uint32_t before : step.after) ++followers[before];
  std::vector<Chain> chains;
  std::vector<uint32_t> tails;  // of each lane: the last chain in it
  for (uint32_t i = 0; i < graph.steps.size(); ++i) {
    const Step& step = graph.steps[i];
    bool continues = step.after.size() == 1 && followers[step.after[0]] == 1 && !step.wait &&
                     !graph.steps[step.after[0]].record &&
                     chains[chain_of[step.after[0]]].steps.back() == step.after[0];
    if (continues) {
      chain_of[i] = chain_of[step.after[0]];
      chains[chain_of[i]].steps.push_back(i);
      continue;
    }
    auto number = chain_of[i] = static_cast<uint32_t>(chains.size());
    Chain chain;
    chain.steps = {i};
    for (uint32_t before : step.after)
      if (std::ranges::find(chain.after, chain_of[before]) == chain.after.end())
        chain.after.push_back(chain_of[before]);
    // Behind a chain that it waits for anyway, else in a lane of its own.
    auto free = std::ranges::find_if(
        tails, [&](uint32_t tail) { return std::ranges::find(chain.after, tail) != chain.after.end(); });
    if (free == tails.end() && tails.size() < most_lanes) free = tails.insert(tails.end(), number);
    chain.lane = free == tails.end() ? number % most_lanes : static_cast<uint32_t>(free - tails.begin());
    tails[chain.lane] = number;
    chains.push_back(std::move(chain));
  }
  return chains;
}

// --- launching

GraphExec::GraphExec(const void* owner, std::shared_ptr<const Graph> graph)
    : context(owner), graph_(std::move(graph)), chains_(chains_of(*graph_)) {
  size_t lanes = 0;
  for (const Chain& chain : chains_) lanes = std::max<size_t>(lanes, chain.lane);
  for (size_t i = 0; i < lanes; ++i)
    lanes_.push_back(std::make_shared<Stream>(context, CU_STREAM_NON_BLOCKING, 0, ++device().numbers));
}

GraphExec::~GraphExec() {
  for (const auto& lane : lanes_) lane->close();
}

Place GraphExec::submit(const std::shared_ptr<Context>& owner, const std::shared_ptr<Stream>& stream,
                        const Chain& chain, std::vector<Place> after) {
  const Step& first = graph_->steps[chain.steps.front()];
  if (first.wait) {
    std::lock_guard hold(first.wait->lock);
    if (first.wait->mark) after.push_back(first.wait->mark->place);
  }
  const Step& last = graph_->steps[chain.steps.back()];
  auto mark = last.record ? std::make_shared<Event::Mark>() : nullptr;
  auto run = [graph = graph_, steps = &chain.steps, self = shared_from_this(), owner, mark] {
    for (uint32_t step : *steps) run_step(owner, graph->steps[step]);
    if (mark) mark->time = now();
  };
  Place place = chain.lane == 0 ? owner->submit(stream, std::move(run), std::move(after))
                                : lanes_[chain.lane - 1]->submit(std::move(run), std::move(after));
  if (mark) {
    mark->place = place;
    std::lock_guard hold(last.record->lock);
    last.record->mark = std::move(mark);
  }
  return place;
}

void GraphExec::launch(const std::shared_ptr<Context>& owner, const std::shared_ptr<Stream>& stream) {
  std::lock_guard hold(lock_);
  Place start = std::move(last_);
  if (!lanes_.empty() || chains_.empty()) start = owner->submit(stream, [] {}, {std::move(start)});
  std::vector<Place> places, ends(lanes_.size());
  for (const Chain& chain : chains_) {
    std::vector<Place> after;
    if (chain.after.empty()) after.push_back(start);
    for (uint32_t before : chain.after)
      if (chains_[before].lane != chain.lane) after.push_back(places[before]);
    places.push_back(submit(owner, stream, chain, std::move(after)));
    if (chain.lane) ends[chain.lane - 1] = places.back();
  }
  if (!lanes_.empty())
    last_ = owner->submit(
        stream, [] {}, std::move(ends));
  else
    last_ = places.empty() ? start : places.back();
}

}  // namespace software
