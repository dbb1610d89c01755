// A stream: tasks that run one after another on a thread of the stream's own, which starts with the first task, or on
// a thread that waits for them.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace software {

class Recording;
class Stream;

// A place in a stream: reached when the stream's first `count` tasks are done.
struct Place {
  std::shared_ptr<Stream> stream;
  uint64_t count = 0;
  bool reached() const;
  void wait() const;
  bool wait_for(std::chrono::nanoseconds most) const;  // false: not reached by then
};

// Who may run a task: kernels and marks any thread that waits for them, the program's functions the stream's own.
enum class Runner : uint8_t { streams_own, anyone };

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  using Task = std::function<void()>;

  Stream(const void* context, unsigned flags, int priority, uint64_t id)
      : context_(context), flags_(flags), priority_(priority), id_(id) {}

  const void* context() const { return context_; }  // a Context
  unsigned flags() const { return flags_; }
  int priority() const { return priority_; }
  uint64_t id() const { return id_; }

  // The task runs after everything submitted before it, and after the places in `after`. `holds`: bytes that it keeps.
  Place submit(Task task, std::vector<Place> after = {}, Runner runner = Runner::streams_own, size_t holds = 0);
  // Who submits faster than tasks are done waits, as long as any are done: what is first may wait for a later call.
  bool has_room() const;
  void wait_for_room();
  Place last();  // everything submitted so far
  bool idle();
  bool finished();  // idle, and nothing will come any more
  // The thread ends when the tasks are done.
  void close();

  // While a stream has one, what is submitted goes there instead of being run (graph.h).
  std::shared_ptr<Recording> recording() const { return recording_.load(std::memory_order_acquire); }
  void record(std::shared_ptr<Recording> recording) { recording_.store(std::move(recording)); }

 private:
  friend struct Place;
  struct Queued {
    Task task;
    std::vector<Place> after;
    Runner runner;
    size_t holds;
  };
  void work();
  void run_first(std::unique_lock<std::mutex>& hold);
  void help(uint64_t count);

  const void* const context_;
  const unsigned flags_;
  const int priority_;
  const uint64_t id_;
  std::atomic<std::shared_ptr<Recording>> recording_;
  std::mutex lock_;
  std::condition_variable queued_, done_;
  std::deque<Queued> queue_;
  std::atomic<uint64_t> submitted_{0}, completed_{0};  // written under the lock
  std::atomic<size_t> holds_{0};                       // of all that is queued
  bool started_ = false, closing_ = false, sleeping_ = false;
  bool running_ = false;  // somebody runs a task
};

}  // namespace software
