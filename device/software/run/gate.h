// Lets as many threads run kernels as the server allows this process. Others wait between blocks; when none may run,
// kernels are held where they are.
#pragma once
#include <atomic>

#include "device/share.h"

namespace software {

class Gate {
 public:
  static Gate& the();

  // Before the first kernel. Without it everything is allowed.
  void obey(device::Share* share) { share_ = share; }

  // A thread begins to run blocks; it may have to wait. `together`: its blocks wait for those of other threads, so that
  // either all of the launch may run or nothing.
  void enter(bool together) {
    share_->launches.fetch_add(1, std::memory_order_relaxed);
    uint32_t running = share_->running.fetch_add(1, std::memory_order_relaxed) + 1;
    if (running > share_->allowed.load(std::memory_order_relaxed)) step_aside(together);
    if (has_neighbours()) begin_stay();
  }
  void leave() {
    if (has_neighbours()) end_stay();
    share_->running.fetch_sub(1, std::memory_order_relaxed);
    if (share_->held.load(std::memory_order_relaxed)) wake();
  }
  // Between two blocks of a thread that has entered, when nobody waits for what it has begun.
  void pass() {
    if (share_->running.load(std::memory_order_relaxed) <= share_->allowed.load(std::memory_order_relaxed)) return;
    step_aside(false);
    begin_stay();
  }

  bool closed() const { return share_->allowed.load(std::memory_order_relaxed) == 0; }
  // For the signal that holds a kernel: returns when the gate is open again.
  void hold_here();
  // Threads that are held, in a kernel or before one.
  uint32_t held() const { return held_here_.load() + share_->held.load(); }

 private:
  // What kernels use, beside what the session uses for all else (server/fair_share.h): once somebody had to wait.
  bool has_neighbours() const { return was_held_.load(std::memory_order_relaxed); }
  void begin_stay();
  void end_stay();
  void step_aside(bool together);
  void wait_for_change(uint32_t seen);
  void wake();

  device::Share own_;  // of a process that serves nobody
  device::Share* share_ = &own_;
  std::atomic<uint32_t> held_here_{0};
  std::atomic<bool> was_held_{false};
};

// A thread's stay.
class Passage {
 public:
  explicit Passage(bool together) { Gate::the().enter(together); }
  ~Passage() { Gate::the().leave(); }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
};

}  // namespace software
