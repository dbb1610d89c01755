// Waiting is a futex on the listener's word, with a limit: that somebody left between looking and sleeping is not seen.
#include "device/software/run/gate.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>
#include <utility>

namespace software {

Gate& Gate::the() {
  static Gate gate;
  return gate;
}

namespace {

// Asking for the time takes as long as a short kernel: one stay stands for several.
constexpr uint64_t stays_for_one = 8;
thread_local uint64_t stays = 0, stay_began_ns = 0;

// Of this thread on a processor: what it waits for one is not its kernel's.
uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

void Gate::begin_stay() { stay_began_ns = ++stays % stays_for_one == 0 ? now_ns() : 0; }

void Gate::end_stay() {
  const uint64_t began = std::exchange(stay_began_ns, 0);
  if (began) share_->device_ns.fetch_add((now_ns() - began) * stays_for_one, std::memory_order_relaxed);
}

void Gate::wait_for_change(uint32_t seen) {
  // Nobody leaves while nothing is allowed: only the listener's word can change anything then.
  const timespec most{0, seen == 0 ? 100'000'000 : 2'000'000};
  syscall(SYS_futex, &share_->allowed, FUTEX_WAIT, seen, &most, nullptr, 0);
}

void Gate::wake() { syscall(SYS_futex, &share_->allowed, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0); }

void Gate::step_aside(bool together) {
  leave();
  was_held_.store(true, std::memory_order_relaxed);
  share_->held.fetch_add(1);
  for (;;) {
    uint32_t allowed = share_->allowed.load(), running = share_->running.load();
    bool room = together ? allowed > 0 : running < allowed;
    if (room && (together || share_->running.compare_exchange_weak(running, running + 1))) break;
    if (!room) wait_for_change(allowed);
  }
  if (together) share_->running.fetch_add(1);
  share_->held.fetch_sub(1);
}

void Gate::hold_here() {
  int kept = errno;
  held_here_.fetch_add(1);
  while (closed()) wait_for_change(0);
  held_here_.fetch_sub(1);
  errno = kept;
}

}  // namespace software
