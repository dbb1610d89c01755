// The scheduler of one thread. It goes round the resident blocks and runs whatever is ready; when all of them only
// poll, it takes in another block, because that may be the one they wait for.
#include "device/software/run/block.h"

#include <sched.h>

#include <algorithm>
#include <chrono>

#include "device/software/run/faults.h"
#include "device/software/run/gate.h"

namespace software {
namespace {

constexpr unsigned idle_rounds = 64;  // before an ordinary launch interleaves a further block

// Gives the processor to others, for whom the launch may be waiting. Not all the time: a kernel that polls may compute
// between its polls, and on a busy machine each turn of the others lasts a thousand times longer than one of its own.
class Courtesy {
 public:
  void give_way() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < interval) return;
    sched_yield();
    last_ = std::chrono::steady_clock::now();
  }

 private:
  static constexpr auto interval = std::chrono::milliseconds(2);
  std::chrono::steady_clock::time_point last_;
};

// This thread is among the job's runners.
class Runner {
 public:
  explicit Runner(Job& job) : job_(job) {
    std::lock_guard hold(job_.lock);
    job_.runners.push_back(pthread_self());
  }
  ~Runner() {
    std::lock_guard hold(job_.lock);
    std::erase(job_.runners, pthread_self());
  }

 private:
  Job& job_;
};

}  // namespace

void Block::release(uint32_t number) {
  Barrier& barrier = barriers[number];
  uint32_t warps = job->launch.warps;
  // Warps that have exited count as arrived where the whole block is expected.
  bool whole = barrier.expected == 0 || barrier.expected >= warps;
  uint32_t arrived = barrier.arrived + (whole ? exited : 0);
  if (barrier.arrived == 0 || arrived < (whole ? warps : barrier.expected)) return;
  if (watcher) watcher->complete(number, whole);
  for (Fiber* fiber : fibers) {
    if (fiber->state != Fiber::waiting || fiber->barrier != number) continue;
    fiber->state = Fiber::ready;
    fiber->reduced = barrier.reduced;
  }
  barrier = Barrier{};
}

Cluster& Block::its_cluster() {
  if (cluster) return *cluster;
  if (alone.blocks.empty()) alone.blocks = {this};
  return alone;
}

void Block::release_after_exit(Fiber& leaving) {
  its_cluster().leave(leaving.meeting);
  for (uint32_t i = 0; i < 16; ++i)
    if (barriers[i].arrived) release(i);
}

void Job::cancel() {
  fail(CUDA_ERROR_LAUNCH_FAILED);
  std::lock_guard hold(lock);
  for (pthread_t runner : runners) interrupt_kernel(runner);
}

void Worker::run(Job& job) {
  Passage passage(job.cooperative);
  Runner runner(job);
  job_ = &job;
  chunk_next_ = chunk_end_ = 0;
  unsigned idle = 0;
  Courtesy courtesy;
  while (!job.failed()) {
    if (residents_ == 0 && !job.cooperative) Gate::the().pass();
    if (residents_ == 0 && !admit()) break;
    bool progress = false;
    for (size_t i = 0; i < residents_ && !job.failed();) {
      progress |= step(*blocks_[i]);
      i = leave(i);
    }
    if (progress) {
      idle = 0;
      continue;
    }
    ++idle;
    bool more = job.cooperative || (idle % idle_rounds == 0 && residents_ < job.resident);
    if (!more || !admit()) courtesy.give_way();
  }
  drop_all();
  job_ = nullptr;
}

bool Worker::take(uint64_t& index) {
  if (give_way_ && give_way_->load(std::memory_order_relaxed) < job_->priority) return false;
  if (chunk_next_ == chunk_end_) {
    auto taken = job_->left.take(index_, [&](uint64_t left) { return job_->portion(left); });
    chunk_next_ = taken.first;
    chunk_end_ = taken.end;
    if (chunk_next_ == chunk_end_) return false;
  }
  index = chunk_next_++;
  return true;
}

bool Worker::admit() {
  const uint32_t together = job_->launch.cluster_blocks;
  uint64_t index;
  if (!take(index)) return false;
  if (together == 1) {
    add_block(index, nullptr);
    return true;
  }
  Cluster* cluster = get_cluster();  // a chunk holds whole clusters
  for (uint32_t rank = 0; rank < together && (rank == 0 || take(index)); ++rank) add_block(index, cluster);
  return true;
}

void Worker::add_block(uint64_t index, Cluster* cluster) {
  if (residents_ == blocks_.size()) blocks_.push_back(std::make_unique<Block>());
  Block& block = *blocks_[residents_++];
  block.job = job_;
  block.worker = this;
  block.index = 0;
  block.progress = 0;
  block.met = true;
  block.cluster = cluster;
  block.rank = 0;
  if (cluster)
    cluster->add(block);
  else
    block.shared = block.shared_arena.get(job_->launch.total_shared, job_->shared_alignment);
  if (!block.shared) job_->fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  block.at[0] = block.at[1] = block.at[2] = 0;
  assign(block, index);
}

// Blocks of a cluster stay until all of them are done: the others may still use their memory. Returns which resident
// block comes next.
size_t Worker::leave(size_t resident) {
  Block& block = *blocks_[resident];
  Cluster* cluster = block.cluster;
  if (cluster ? !cluster->done() : !block.done()) return resident + 1;
  size_t first = resident - block.rank, count = cluster ? cluster->blocks.size() : 1;
  for (size_t i = 0; i < count; ++i) retire(first);
  return first;
}

// The block state becomes that of block `index`; its memory is not cleared.
void Worker::assign(Block& block, uint64_t index) {
  const Launch& launch = job_->launch;
  if (launch.cluster_blocks <= 1 && index == block.index + 1 && block.at[0] + 1 < launch.grid[0])
    ++block.at[0];
  else
    place_in_grid(launch, index, block.at);
  block.index = index;
  block.next_warp = block.exited = 0;
  if (job_->watcher && !block.watcher) block.watcher = job_->watcher->watch_block();
  if (block.watcher) block.watcher->begin(block);
  if (!block.met) return;
  for (Barrier& barrier : block.barriers) barrier = Barrier{};
  block.alone.arrived = 0;
  block.met = block.cluster != nullptr;
}

bool Block::may_go_on() const {
  return next_warp < job->launch.warps ||
         std::ranges::any_of(fibers, [](Fiber* fiber) { return fiber->state == Fiber::ready; });
}

Fiber* Block::next_ready(const Fiber& fiber) const {
  size_t count = fibers.size();
  for (size_t i = 1, at = fiber.position; i < count; ++i) {
    if (++at >= count) at = 0;
    if (fibers[at]->state == Fiber::ready) return fibers[at];
  }
  return nullptr;
}

// Fibers whose warps are done are free again.
void Worker::sweep(Block& block) {
  size_t kept = 0;
  for (Fiber* fiber : block.fibers) {
    if (fiber->state == Fiber::idle) {
      idle_.push_back(fiber);
      continue;
    }
    fiber->position = kept;
    block.fibers[kept++] = fiber;
  }
  block.fibers.resize(kept);
}

bool Worker::step(Block& block) {
  uint64_t before = block.progress;
  start_fibers(block);
  sweep(block);
  // Each turn goes round: the first that can go on hands over to the others itself.
  for (size_t i = 0; i < block.fibers.size() && !job_->failed(); ++i)
    if (block.fibers[i]->state == Fiber::ready) resume(*block.fibers[i]);
  sweep(block);
  // A fiber that went on to the next block may wait there for warps that only the next step starts.
  bool started = block.next_warp >= job_->launch.warps;
  if (started && !block.done() && !job_->failed() && !may_go_on(block)) report_deadlock(block);
  return block.progress != before;
}

bool Worker::may_go_on(const Block& block) const {
  return block.cluster ? block.cluster->may_go_on() : block.may_go_on();
}

// A fiber that starts runs warps until one has to wait; the next warp then needs another fiber.
void Worker::start_fibers(Block& block) {
  while (block.next_warp < job_->launch.warps && !job_->failed()) {
    Fiber* fiber = get_fiber();
    if (!fiber) {
      job_->fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
      return;
    }
    fiber->block = &block;
    fiber->barrier = UINT32_MAX;
    fiber->state = Fiber::ready;
    fiber->position = block.fibers.size();
    block.fibers.push_back(fiber);
    resume(*fiber);
  }
}

Fiber* Worker::get_fiber() {
  while (!idle_.empty()) {
    Fiber* fiber = idle_.back();
    idle_.pop_back();
    if (fiber->stack.bytes() >= job_->stack_bytes) return fiber;
    std::erase_if(fibers_, [&](auto& owned) { return owned.get() == fiber; });
  }
  auto fiber = std::make_unique<Fiber>(job_->stack_bytes, this);
  if (!fiber->stack.base()) return nullptr;
  fiber->context = fiber->stack.prepare(&Worker::fiber_main, fiber.get());
  fibers_.push_back(std::move(fiber));
  return fibers_.back().get();
}

void Worker::resume(Fiber& fiber) {
  current_ = &fiber;
  int signal;
  {
    Armed armed(&scheduler_);
    signal = static_cast<int>(outboard_switch(&scheduler_, fiber.context, 0));
  }
  Fiber* last = current_;  // fibers hand over to each other
  current_ = nullptr;
  if (signal && signal != interrupted) report(*last);
}

void Worker::fiber_main(void* argument) {
  Fiber& fiber = *static_cast<Fiber*>(argument);
  for (;;) {
    fiber.worker->run_warps(fiber);
    fiber.state = Fiber::idle;
    Worker& worker = *fiber.worker;
    Fiber* next = worker.job_->failed() ? nullptr : fiber.block->next_ready(fiber);
    if (next) worker.current_ = next;
    outboard_switch(&fiber.context, next ? next->context : worker.scheduler_, 0);
  }
}

void Worker::run_warps(Fiber& fiber) {
  if (!begin(fiber)) return;
  if (job_->launch.staging != Staging::none) return run_stages(fiber);
  Block& block = *fiber.block;
  const uint32_t warps = job_->launch.warps;
  const KernelEntry entry = job_->entry;
  do {
    while (block.next_warp < warps) {
      next_warp(fiber);
      entry(&fiber.warp);
      ++block.exited;
      if (block.watcher) block.watcher->exit(fiber.warp.warp_index);
      ++block.progress;
      if (block.met) block.release_after_exit(fiber);
    }
  } while (next_block(fiber));
}

// What stays the same for all warps that the fiber runs.
bool Worker::begin(Fiber& fiber) {
  const Launch& launch = job_->launch;
  Warp& warp = fiber.warp;
  warp.launch = &launch;
  warp.shared = fiber.block->shared;
  warp.local = fiber.local.get(size_t{launch.local_bytes} * warp_size + launch.frame_bytes);
  for (int i = 0; i < 3; ++i) warp.block_index[i] = fiber.block->at[i];
  warp.worker = index_;
  warp.block = fiber.block;
  warp.cluster_rank = fiber.block->rank;
  warp.cluster_shared = warp.shared - warp.cluster_rank * launch.shared_pitch;
  fiber.warps.clear();
  if (!warp.local) job_->fail(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  if (!warp.local) return false;
  warp.local += launch.frame_bytes;
  return true;
}

// Fills in the next warp of the fiber's block.
void Worker::next_warp(Fiber& fiber) {
  const Launch& launch = job_->launch;
  Warp& warp = fiber.warp;
  uint32_t threads = launch.block[0] * launch.block[1] * launch.block[2];
  warp.first_thread = fiber.block->next_warp++ * launch.lanes;
  warp.warp_index = warp.first_thread / warp_size;
  fiber.meeting = Meeting{};
  warp.products = 0;
  warp.step = nullptr;
  uint32_t rest = threads - warp.first_thread;
  if (rest > launch.lanes) rest = launch.lanes;
  warp.lanes = rest >= warp_size ? UINT32_MAX : (1u << rest) - 1;
  if (warp.first_thread < launch.block[0]) {
    warp.thread[0] = warp.first_thread;
    warp.thread[1] = warp.thread[2] = 0;
    return;
  }
  uint32_t row = warp.first_thread / launch.block[0];
  warp.thread[0] = warp.first_thread - row * launch.block[0];
  warp.thread[1] = row < launch.block[1] ? row : row % launch.block[1];
  warp.thread[2] = row < launch.block[1] ? 0 : row / launch.block[1];
}

// Where no other warp of the block is left, the fiber goes on with another block at once.
bool Worker::next_block(Fiber& fiber) {
  Block& block = *fiber.block;
  uint64_t index;
  if (block.cluster || block.fibers.size() != 1 || !block.done() || job_->failed()) return false;
  if (residents_ == 1 && !job_->cooperative) Gate::the().pass();
  if (!take(index)) return false;
  keep_printed(block);
  assign(block, index);
  for (int i = 0; i < 3; ++i) fiber.warp.block_index[i] = block.at[i];
  return true;
}

void Worker::yield() {
  Fiber& fiber = *current_;
  outboard_switch(&fiber.context, scheduler_, 0);
  if (job_->failed()) abandon();
}

void Worker::hand_over() {
  Fiber& fiber = *current_;
  Fiber* next = fiber.block->next_ready(fiber);
  if (!next) return yield();
  current_ = next;
  outboard_switch(&fiber.context, next->context, 0);
  if (job_->failed()) abandon();
}

void Worker::abandon() { outboard_resume(scheduler_, 0); }

void Worker::keep_printed(Block& block) {
  if (block.printed.empty()) return;
  std::lock_guard hold(job_->lock);
  job_->printed.emplace_back(block.index, std::move(block.printed));
  block.printed.clear();
}

void Worker::retire(size_t resident) {
  Block& block = *blocks_[resident];
  keep_printed(block);
  if (block.cluster) std::erase(block.cluster->blocks, &block);
  --residents_;
  // Order is kept: older blocks are the likelier ones that others wait for.
  for (size_t i = resident; i < residents_; ++i) std::swap(blocks_[i], blocks_[i + 1]);
}

// After a failure: blocks end where they are, their fibers start anew.
void Worker::drop_all() {
  while (residents_ > 0) {
    Block& block = *blocks_[residents_ - 1];
    for (Fiber* fiber : block.fibers) {
      fiber->context = fiber->stack.prepare(&Worker::fiber_main, fiber);
      fiber->state = Fiber::idle;
      idle_.push_back(fiber);
    }
    block.fibers.clear();
    retire(residents_ - 1);
  }
}

}  // namespace software
