// The thread of a stream keeps the stream alive until its last task is done, so that destroying a stream needs no
// wait. Waits between streams always point to what was submitted earlier: no cycles.
#include "device/software/driver/stream.h"

#include <sched.h>

#include <chrono>
#include <thread>

#include "device/software/run/faults.h"

namespace software {
namespace {

constexpr uint64_t most_queued = 1 << 16;
constexpr size_t most_held = size_t{256} << 20;
constexpr auto room_takes = std::chrono::seconds(1);

// Waking a thread costs tens of microseconds; most waits are shorter than that. Yields the core at every look.
template <class Condition>
bool look_for(const Condition& condition) {
  constexpr auto patience = std::chrono::microseconds(40);
  auto end = std::chrono::steady_clock::now() + patience;
  do {
    if (condition()) return true;
    sched_yield();
  } while (std::chrono::steady_clock::now() < end);
  return condition();
}

}  // namespace

bool Place::reached() const {
  if (!stream) return true;
  std::lock_guard hold(stream->lock_);
  return stream->completed_ >= count;
}

void Place::wait() const {
  if (!stream) return;
  stream->help(count);
  if (look_for([&] { return stream->completed_.load() >= count; })) {
    std::lock_guard hold(stream->lock_);  // whoever counted it has left the lock
    return;
  }
  std::unique_lock hold(stream->lock_);
  stream->done_.wait(hold, [&] { return stream->completed_ >= count; });
}

bool Place::wait_for(std::chrono::nanoseconds most) const {
  if (!stream) return true;
  std::unique_lock hold(stream->lock_);
  return stream->done_.wait_for(hold, most, [&] { return stream->completed_ >= count; });
}

bool Stream::has_room() const { return submitted_ - completed_ < most_queued && holds_ < most_held; }

void Stream::wait_for_room() {
  std::unique_lock hold(lock_);
  for (uint64_t done = completed_; !has_room(); done = completed_)
    if (!done_.wait_for(hold, room_takes, [&] { return completed_ != done; })) return;
}

Place Stream::submit(Task task, std::vector<Place> after, Runner runner, size_t holds) {
  std::lock_guard hold(lock_);
  if (!started_) {
    started_ = true;
    std::thread([self = shared_from_this()] { self->work(); }).detach();
  }
  queue_.push_back({std::move(task), std::move(after), runner, holds});
  holds_ += holds;
  uint64_t place = ++submitted_;
  if (sleeping_) queued_.notify_one();
  return {shared_from_this(), place};
}

Place Stream::last() {
  std::lock_guard hold(lock_);
  return {shared_from_this(), submitted_};
}

bool Stream::idle() {
  std::lock_guard hold(lock_);
  return completed_ == submitted_;
}

bool Stream::finished() {
  std::lock_guard hold(lock_);
  return closing_ && completed_ == submitted_;
}

void Stream::close() {
  std::lock_guard hold(lock_);
  closing_ = true;
  queued_.notify_one();
}

void Stream::run_first(std::unique_lock<std::mutex>& hold) {
  Queued next = std::move(queue_.front());
  queue_.pop_front();
  running_ = true;
  hold.unlock();
  for (const Place& place : next.after) place.wait();
  next.task();
  const size_t held = next.holds;
  next = {};  // what the task held goes before anyone is told that it is done
  hold.lock();
  running_ = false;
  holds_ -= held;
  ++completed_;
  done_.notify_all();
}

// A thread that waits runs the tasks itself, where the stream's own has not come to it: waking that, and being woken
// by it, takes longer than most kernels.
void Stream::help(uint64_t count) {
  std::unique_lock hold(lock_);
  auto mine = [&] {
    return completed_ < count && !running_ && !queue_.empty() && queue_.front().runner == Runner::anyone &&
           queue_.front().after.empty();
  };
  if (!mine()) return;
  BorrowedThread kernels_may_run;
  while (mine()) run_first(hold);
  if (!queue_.empty() && sleeping_) queued_.notify_one();
}

void Stream::work() {
  prepare_kernel_thread();
  std::unique_lock hold(lock_);
  auto something = [&] { return !queue_.empty() && !running_; };
  for (;;) {
    if (!something() && !(closing_ && queue_.empty())) {
      hold.unlock();
      look_for([&] { return submitted_.load() != completed_.load(); });
      hold.lock();
      sleeping_ = true;
      queued_.wait(hold, [&] { return (closing_ && queue_.empty()) || something(); });
      sleeping_ = false;
    }
    if (queue_.empty()) return;
    run_first(hold);
  }
}

}  // namespace software
