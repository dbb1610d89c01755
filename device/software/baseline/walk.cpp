// Blocks have masks of waiting lanes and are visited in the order of pass/layout.h, as in compiled code
// (codegen/emit_flow.cpp). While all lanes that are left go the same way, nothing is looked up.
#include "device/software/baseline/walk.h"

#include <cstring>

#include "device/software/run/job.h"

namespace software {
namespace {

constexpr uint64_t counted_at_once = 1024;  // steps of a loop
constexpr uint32_t rounds_per_turn = 8;     // as in codegen/walk.cpp

uint32_t word_at(const uint8_t* frame, uint32_t offset) {
  uint32_t word;
  std::memcpy(&word, frame + offset, sizeof word);
  return word;
}

// One call of one function.
class Walk {
 public:
  Walk(Warp* warp, const FunctionSteps& code, uint8_t* frame, uint64_t local)
      : warp_(warp), code_(code), frame_(frame), local_(local) {
    waiting_ = reinterpret_cast<uint32_t*>(frame + code.waiting);
    rounds_ = reinterpret_cast<uint32_t*>(frame + code.rounds);
  }

  // `prepare`: after the frame is cleared.
  template <class Prepare>
  void run(uint32_t lanes, const Prepare& prepare);

  uint64_t* lanes_of(uint32_t offset) { return reinterpret_cast<uint64_t*>(frame_ + offset); }

 private:
  void run_block(const StepBlock& block, uint32_t lanes);
  void call(const KernelStep& step, uint32_t lanes);
  void call_function(const CallStep& call, uint32_t lanes);
  void call_device(const CallStep& call, uint32_t lane);
  uint32_t chosen(const StepBlock& block, uint32_t lanes) const;
  void part(const StepBlock& block, uint32_t lanes, uint32_t yes);
  void send(uint32_t to, uint32_t lanes);
  bool may_enter(uint32_t at) const;
  uint32_t leave(uint32_t at);
  uint32_t come_back() const;
  void count(uint64_t steps);
  bool resume(uint32_t at, uint32_t lanes);

  Warp* const warp_;
  const FunctionSteps& code_;
  uint8_t* const frame_;
  const uint64_t local_;    // lane 0's local memory of this function
  uint32_t* waiting_;       // lanes, by block
  uint32_t* rounds_;        // since lanes outside had their turn, by loop that spins
  bool called_ = false;     // by another function
  uint32_t elsewhere_ = 0;  // blocks where some wait
};

void Walk::count(uint64_t steps) {
  KernelSteps& kernel = *warp_->launch->steps;
  auto passes = [&](std::atomic<uint64_t>& counter) {
    uint64_t before = counter.fetch_add(steps, std::memory_order_relaxed);
    return before < kernel.worth && before + steps >= kernel.worth;
  };
  if (kernel.made.load(std::memory_order_relaxed)) {
    if (passes(kernel.late)) kernel.resumption_wanted();
  } else if (passes(kernel.spent)) {
    kernel.wanted();
  }
}

// Lanes begin another turn of a loop: machine code can go on from there.
bool Walk::resume(uint32_t at, uint32_t lanes) {
  Resumption resumption = warp_->launch->steps->resumption.load(std::memory_order_acquire);
  if (called_ || !resumption) return false;
  warp_->step = nullptr;
  resumption(warp_, frame_, at, lanes);
  return true;
}

uint32_t Walk::chosen(const StepBlock& block, uint32_t lanes) const {
  if (block.guard == KernelStep::no_guard) return lanes;
  uint32_t holds = word_at(frame_, block.guard);
  return lanes & (block.negated ? ~holds : holds);
}

template <class Prepare>
void Walk::run(uint32_t lanes, const Prepare& prepare) {
  std::memset(frame_, 0, code_.frame_bytes);
  for (uint32_t lane = 0; lane < warp_size; ++lane)
    lanes_of(code_.local)[lane] = local_ + uint64_t{lane} * code_.local_bytes;
  prepare();
  if (resume(0, lanes)) return;
  uint32_t at = 0;
  uint64_t steps = 0;
  while (at != StepBlock::end && !code_.blocks.empty()) {
    const StepBlock& block = code_.blocks[at];
    run_block(block, lanes);
    steps += block.last - block.first + 1;
    uint32_t yes = chosen(block, lanes);
    bool one_way = elsewhere_ == 0 && block.targets.empty() && (yes == lanes || yes == 0);
    uint32_t from = at;
    if (one_way) {
      at = yes ? block.taken : block.next;
    } else {
      part(block, lanes, yes);
      at = leave(at);
      if (at != StepBlock::end) lanes = waiting_[at], waiting_[at] = 0, --elsewhere_;
    }
    if (at > from) continue;
    // Once round a loop: the launch may have been given up.
    if (static_cast<const Job*>(warp_->launch->device)->failed()) outboard_yield(warp_);
    if (steps < counted_at_once) continue;
    count(steps);
    steps = 0;
    if (code_.blocks[at].heads_loop && resume(at, lanes)) return;
  }
  count(steps);
}

void Walk::run_block(const StepBlock& block, uint32_t lanes) {
  for (uint32_t i = block.first; i < block.last; ++i) {
    const KernelStep& step = code_.steps[i];
    uint32_t active = lanes;
    if (step.guard != KernelStep::no_guard) {
      uint32_t holds = word_at(frame_, step.guard);
      active &= step.negated ? ~holds : holds;
      if (!active) continue;
    }
    warp_->step = &step;
    if (step.call != KernelStep::no_call)
      call(step, active);
    else if (active == ~0u)
      step.handlers.all(warp_, active, frame_, code_.given.data() + step.given);
    else
      step.handlers.some(warp_, active, frame_, code_.given.data() + step.given);
  }
}

void Walk::call(const KernelStep& step, uint32_t lanes) {
  const CallStep& call = code_.calls[step.call];
  if (call.kind == CallStep::function) return call_function(call, lanes);
  for (uint32_t left = lanes; left; left &= left - 1) call_device(call, static_cast<uint32_t>(__builtin_ctz(left)));
}

void Walk::call_function(const CallStep& call, uint32_t lanes) {
  Walk inner(warp_, *call.callee, frame_ + code_.frame_bytes, local_ + uint64_t{code_.local_bytes} * warp_size);
  inner.called_ = true;
  inner.run(lanes, [&] {
    // What the function knows as its results and parameters lies in this one's local memory.
    auto pass = [&](const std::vector<uint32_t>& given, const std::vector<uint32_t>& known) {
      for (size_t i = 0; i < known.size(); ++i)
        for (uint32_t lane = 0; lane < warp_size; ++lane)
          inner.lanes_of(known[i])[lane] = lanes_of(code_.local)[lane] + given[i];
    };
    pass(call.results, call.callee->results);
    pass(call.arguments, call.callee->parameters);
  });
}

// See Emitter::emit_system_call.
void Walk::call_device(const CallStep& call, uint32_t lane) {
  auto argument = [&]<class T>(size_t i, T value) {
    std::memcpy(&value, reinterpret_cast<const void*>(lanes_of(code_.local)[lane] + call.arguments[i]), sizeof value);
    return value;
  };
  auto result = [&](auto value) {
    if (call.results.empty()) return;
    std::memcpy(reinterpret_cast<void*>(lanes_of(code_.local)[lane] + call.results[0]), &value, sizeof value);
  };
  using Text = const char*;
  using Bytes = const uint8_t*;
  switch (call.kind) {
    case CallStep::print: result(outboard_printf(warp_, lane, argument(0, Text()), argument(1, Bytes()))); return;
    case CallStep::allocate: result(outboard_malloc(warp_, argument(0, uint64_t()))); return;
    case CallStep::free: outboard_free(warp_, argument(0, static_cast<void*>(nullptr))); return;
    case CallStep::fail_assertion:
      outboard_assert(warp_, lane, argument(0, Text()), argument(1, Text()), argument(2, uint32_t()),
                      argument(3, Text()));
    case CallStep::function: return;
  }
}

void Walk::send(uint32_t to, uint32_t lanes) {
  if (to == StepBlock::end || !lanes) return;
  elsewhere_ += waiting_[to] == 0;
  waiting_[to] |= lanes;
}

void Walk::part(const StepBlock& block, uint32_t lanes, uint32_t yes) {
  if (block.targets.empty()) {
    send(block.taken, yes);
  } else {
    for (uint32_t left = yes; left; left &= left - 1) {
      auto lane = static_cast<uint32_t>(__builtin_ctz(left));
      uint32_t index = word_at(frame_, block.index + 4 * lane);
      if (index < block.targets.size()) send(block.targets[index], 1u << lane);
    }
  }
  send(block.next, lanes & ~yes);
}

// Lanes wait there, and need not wait longer for lanes that spin.
bool Walk::may_enter(uint32_t at) const {
  const StepBlock& block = code_.blocks[at];
  uint32_t lanes = waiting_[at];
  if (!lanes || !block.meets) return lanes;
  uint32_t spinning = 0, members = block.members;
  for (const StepLoop& loop : code_.loops)
    if (loop.spins) spinning |= waiting_[loop.header];
  if (block.members_in != StepBlock::no_members) {
    auto named = [&](uint32_t left) {
      return word_at(frame_, block.members_in + 4 * static_cast<uint32_t>(__builtin_ctz(left)));
    };
    members = named(lanes);
    for (uint32_t left = lanes; left; left &= left - 1)
      if (named(left) != members) members = ~0u;
  }
  return !(spinning & members);
}

// The next block with waiting lanes, or back to the header of a loop that ends here.
uint32_t Walk::leave(uint32_t at) {
  for (; at < code_.blocks.size(); ++at) {
    for (uint32_t number : code_.blocks[at].loops) {
      const StepLoop& loop = code_.loops[number];
      bool again = may_enter(loop.header);
      if (loop.spins) {
        again = again && rounds_[number] < rounds_per_turn;
        rounds_[number] = again ? rounds_[number] + 1 : 0;
      }
      if (again) return loop.header;
    }
    if (at + 1 < code_.blocks.size() && may_enter(at + 1)) return at + 1;
  }
  return come_back();
}

// To lanes that were left behind, those that spin first, because the others wait for them.
uint32_t Walk::come_back() const {
  if (!code_.spins) return StepBlock::end;
  for (const StepLoop& loop : code_.loops)
    if (loop.spins && waiting_[loop.header]) return loop.header;
  for (uint32_t at = 0; at < code_.blocks.size(); ++at)
    if (waiting_[at]) return at;
  return StepBlock::end;
}

}  // namespace

void run_steps(Warp* warp) {
  const Launch& launch = *warp->launch;
  if (KernelEntry compiled = launch.steps->compiled.load(std::memory_order_acquire)) return compiled(warp);
  Walk(warp, *launch.steps->functions[0], warp->local - launch.frame_bytes, reinterpret_cast<uint64_t>(warp->local))
      .run(warp->lanes, [] {});
  warp->step = nullptr;
}

}  // namespace software
