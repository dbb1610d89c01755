// Looking for a while before sleeping: waking a sleeping thread costs more than a round trip. Whoever looked in vain
// several times in a row sleeps at once for some time, so that an idle session costs nothing.
#pragma once
#include <sched.h>

#include <atomic>
#include <chrono>

namespace links {

class Patience {
 public:
  // Calls `look` until it returns true or the time is over. Gives the processor to whoever else wants it between two
  // looks, because the peer may need this very core; `eager` looks come before that, without.
  template <class Look>
  bool look(Look look, int eager = 0) {
    using Clock = std::chrono::steady_clock;
    if (!worth_it()) return look();
    for (int i = 0; i < eager; ++i) {
      if (look()) return found();
      __builtin_ia32_pause();
    }
    auto end = Clock::now() + look_for;
    if (look()) return found();
    for (bool over = false; !over;) {
      sched_yield();
      over = Clock::now() >= end;
      if (look()) return over ? not_found(), true : found();
    }
    return not_found();
  }

 private:
  static constexpr std::chrono::microseconds look_for{40};
  static constexpr int give_up_after = 4;  // looks in vain: the peer is slow or idle
  static constexpr int try_again_after = 20;

  bool found() {
    in_vain_.store(0, std::memory_order_relaxed);
    return true;
  }
  // Also when it was found too late: others want the processor, and a sleeper that is woken gets it sooner than one
  // that gave it away.
  bool not_found() {
    in_vain_.store(in_vain_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return false;
  }
  bool worth_it() {
    int vain = in_vain_.load(std::memory_order_relaxed);
    if (vain < give_up_after) return true;
    in_vain_.store(vain + 1 >= try_again_after ? 0 : vain + 1, std::memory_order_relaxed);
    return false;
  }

  std::atomic<int> in_vain_{0};  // looks in a row
};

}  // namespace links
