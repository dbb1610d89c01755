// The thread that launches is worker 0 and always takes part, so a launch makes progress whatever other launches do.
#include "device/software/run/pool.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "device/software/run/block.h"
#include "device/software/run/faults.h"
#include "device/software/run/gate.h"

namespace software {
namespace {

constexpr uint64_t least_warps_to_share = 8;  // below, waking a thread costs more than it saves

// Waking a thread takes longer than many launches do. Yields the core at every look.
template <class Condition>
void look_for(const Condition& condition) {
  constexpr auto patience = std::chrono::microseconds(40);
  auto end = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < end) sched_yield();
}

}  // namespace

unsigned Pool::default_threads() {
  if (const char* setting = std::getenv("OUTBOARD_SOFTWARE_THREADS")) {
    int wanted = std::atoi(setting);
    if (wanted > 0 && wanted <= 1024) return static_cast<unsigned>(wanted);
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

Pool::~Pool() {
  {
    std::lock_guard hold(lock_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Pool::run(Job& job) {
  install_fault_handler();
  static thread_local Worker worker(0);
  uint64_t warps = job.blocks * job.launch.warps;
  bool shared = threads_ > 1 && job.blocks > 1 && (job.cooperative || warps >= least_warps_to_share);
  uint64_t whole = job.launch.cluster_blocks;
  job.chunk = job.cooperative ? 1 : std::clamp<uint64_t>(job.blocks / (threads_ * 16), 1, 256);
  job.chunk = (job.chunk + whole - 1) / whole * whole;
  job.launch.processors = threads_;
  // Blocks that may wait for earlier ones are begun in their order.
  const bool apart = shared && !job.cooperative && job.launch.staging != Staging::none;
  job.left.divide(job.blocks, whole, apart ? threads_ : 1);
  std::list<Active>::iterator here;
  {
    std::lock_guard hold(lock_);
    running_.push_back(&job);
    if (shared) {
      if (helpers_.empty()) start();
      here = active_.insert(active_.end(), Active{&job});
      urgent_ = std::min(urgent_.load(), job.priority);
      ++offers_;
      if (sleeping_) work_.notify_all();
    }
  }
  worker.run(job);
  if (shared) look_for([&] { return helping_.load() == 0; });
  std::unique_lock hold(lock_);
  if (shared) {
    left_.wait(hold, [&] { return here->helpers == 0; });
    active_.erase(here);
  }
  std::erase(running_, &job);
}

bool Pool::busy() {
  std::lock_guard hold(lock_);
  return !running_.empty();
}

void Pool::cancel(const void* owner) {
  std::lock_guard hold(lock_);
  for (Job* job : running_)
    if (!owner || job->owner == owner) job->cancel();
}

bool Pool::hold() {
  Gate& gate = Gate::the();
  std::lock_guard hold(lock_);
  uint32_t runners = 0;
  for (Job* job : running_) {
    std::lock_guard hold_job(job->lock);
    for (pthread_t runner : job->runners) hold_kernel(runner), ++runners;
  }
  return runners == 0 || gate.held() >= runners;
}

// Signals that the program handles must not interrupt our threads: they inherit the mask of this one.
void Pool::start() {
  for (uint32_t i = 1; i < threads_; ++i) helpers_.emplace_back([this, i] { help(i); });
}

Pool::Active* Pool::wanting() {
  Active* best = nullptr;
  for (Active& active : active_) {
    bool left = !active.job->failed() && active.job->left.left();
    if (left && (!best || active.job->priority < best->job->priority)) best = &active;
  }
  urgent_ = best ? best->job->priority : INT_MAX;
  return best;
}

void Pool::help(uint32_t index) {
  prepare_kernel_thread();
  Worker worker(index, &urgent_);
  std::unique_lock hold(lock_);
  for (;;) {
    Active* active = wanting();
    if (!active && !stopping_) {
      uint64_t seen = offers_.load();
      hold.unlock();
      look_for([&] { return offers_.load() != seen; });
      hold.lock();
      ++sleeping_;
      work_.wait(hold, [&] { return stopping_ || (active = wanting()); });
      --sleeping_;
    }
    if (stopping_) return;
    ++active->helpers;
    ++helping_;
    hold.unlock();
    worker.run(*active->job);
    hold.lock();
    --helping_;
    if (--active->helpers == 0) left_.notify_all();
  }
}

}  // namespace software
