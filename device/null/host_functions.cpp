// The one thing that this device does do: without host functions the bytes of asynchronous copies would never arrive.
#include <condition_variable>
#include <deque>
#include <thread>

#include "device/null/state.h"

namespace null_device {
namespace {

struct Queue {
  std::mutex lock;
  std::condition_variable changed;
  std::deque<std::pair<CUhostFn, void*>> waiting;
  size_t unfinished = 0;
  bool started = false;
};
Queue& queue() {
  static auto* made = new Queue;  // its thread outlives main
  return *made;
}

void run_all() {
  Queue& all = queue();
  std::unique_lock hold(all.lock);
  for (;;) {
    all.changed.wait(hold, [&] { return !all.waiting.empty(); });
    auto [function, data] = all.waiting.front();
    all.waiting.pop_front();
    hold.unlock();
    function(data);
    hold.lock();
    if (--all.unfinished == 0) all.changed.notify_all();
  }
}

}  // namespace

void run_later(CUhostFn function, void* data) {
  std::lock_guard hold(queue().lock);
  if (!queue().started) std::thread(run_all).detach();
  queue().started = true;
  queue().waiting.emplace_back(function, data);
  ++queue().unfinished;
  queue().changed.notify_all();
}

bool all_have_run() {
  std::lock_guard hold(queue().lock);
  return queue().unfinished == 0;
}

void wait_for_all() {
  std::unique_lock hold(queue().lock);
  queue().changed.wait(hold, [] { return queue().unfinished == 0; });
}

}  // namespace null_device
