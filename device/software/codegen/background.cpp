#include "device/software/codegen/background.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "device/software/run/faults.h"

namespace software {
namespace {

class Queue {
 public:
  void add(std::function<void()> task) {
    std::lock_guard hold(lock_);
    if (ending_) return;
    if (!started_) start();
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }

 private:
  void start() {
    started_ = true;
    std::thread([this] { work(); }).detach();
    std::atexit([] { the().end(); });
  }

  void work() {
    prepare_kernel_thread();  // signals are for the program's own threads
    std::unique_lock hold(lock_);
    for (;;) {
      changed_.wait(hold, [&] { return !tasks_.empty(); });
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      busy_ = true;
      hold.unlock();
      task();
      task = nullptr;
      hold.lock();
      busy_ = false;
      changed_.notify_all();
    }
  }

  void end() {
    std::unique_lock hold(lock_);
    ending_ = true;
    tasks_.clear();
    if (changed_.wait_for(hold, std::chrono::seconds(2), [&] { return !busy_; })) return;
    base::log(base::Level::warn, "the program has ended; a kernel is still being compiled, for the next run");
    changed_.wait(hold, [&] { return !busy_; });
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool started_ = false, busy_ = false, ending_ = false;

 public:
  static Queue& the() {
    static auto* queue = new Queue;  // its thread outlives every destructor
    return *queue;
  }
};

}  // namespace

void compile_in_background(std::function<void()> task) { Queue::the().add(std::move(task)); }

}  // namespace software
