// Device time is the time in which at least one launch of this process was under way: what runs side by side counts
// once. A thread of its own asks which events were reached; nothing here waits in the driver.
//
// A kernel that has been launched cannot be held, so that little is given to the device ahead.
#include "device/nvidia/meter.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

using namespace std::chrono_literals;

constexpr double most_ahead_ns = 1e6;  // of work that is not done yet, beside one launch
constexpr auto look_every = 200us;
// Launches that wait for something else than the device (a host function, whose end the waiting thread would read) must
// not be waited for; nor a kernel without end, which may wait for the host.
constexpr auto patience_elsewhere = 20ms, patience = 1000ms;

constexpr double to_ns = 1e6;  // of the driver's milliseconds

}  // namespace

Meter& meter() {
  static auto* made = new Meter;  // its thread may outlive main
  return *made;
}

void Meter::wait_for_turn() {
  if (share_->allowed.load() != 0) return;
  ++share_->held;
  while (share_->allowed.load() == 0) {
    const timespec most{0, 100'000'000};
    syscall(SYS_futex, &share_->allowed, FUTEX_WAIT, 0, &most, nullptr, 0);
  }
  --share_->held;
}

// All that is unfinished has not begun. The caller holds the lock.
bool Meter::someone_waits_elsewhere() {
  for (auto& [context, measured] : contexts_)
    for (auto& [stream, launches] : measured.streams)
      if (!launches.empty() && vendor().cuEventQuery(launches.front().begin) == CUDA_SUCCESS) return false;
  return true;
}

void Meter::wait_for_room() {
  std::unique_lock hold(lock_);
  const auto began = std::chrono::steady_clock::now();
  while (unfinished_ && static_cast<double>(unfinished_) * usual_ns_ > most_ahead_ns && let_through_at_ != finished_) {
    const uint64_t before = finished_;
    changed_.wait_for(hold, patience_elsewhere, [&] { return finished_ != before; });
    if (finished_ != before) continue;
    if (someone_waits_elsewhere() || std::chrono::steady_clock::now() - began > patience) let_through_at_ = finished_;
  }
}

// The caller holds the lock and the context is current.
CUevent Meter::take(CUcontext context) {
  auto& free = contexts_[context].free;
  CUevent event = nullptr;
  if (free.empty()) return vendor().cuEventCreate(&event, CU_EVENT_DEFAULT) == CUDA_SUCCESS ? event : nullptr;
  event = free.back();
  free.pop_back();
  return event;
}

CUevent Meter::begin(CUcontext context, CUstream stream) {
  ++share_->launches;
  wait_for_turn();
  wait_for_room();
  std::lock_guard hold(lock_);
  CUevent event = take(context);
  if (event && vendor().cuEventRecord(event, stream) == CUDA_SUCCESS) return event;
  if (event) contexts_[context].free.push_back(event);
  return nullptr;
}

void Meter::end(CUcontext context, CUstream stream, CUevent begin) {
  if (!begin) return;
  std::lock_guard hold(lock_);
  Measured& measured = contexts_[context];
  CUevent event = take(context);
  if (!event || vendor().cuEventRecord(event, stream) != CUDA_SUCCESS) {
    measured.free.push_back(begin);
    if (event) measured.free.push_back(event);
    return;
  }
  measured.streams[stream].push_back({begin, event});
  ++unfinished_;
  share_->running = 1;
  if (!running_) std::thread([this] { run(); }).detach();
  running_ = true;
  changed_.notify_all();
}

void Meter::drop(CUcontext context, CUevent begin) {
  std::lock_guard hold(lock_);
  if (begin) contexts_[context].free.push_back(begin);
}

void Meter::run() {
  std::unique_lock hold(lock_);
  for (;;) {
    changed_.wait(hold, [this] { return unfinished_ != 0; });
    if (count_finished()) continue;
    hold.unlock();
    std::this_thread::sleep_for(look_every);
    hold.lock();
  }
}

// An error that sticks to the context ends its work, too. False: nothing was finished.
bool Meter::count_finished() {
  bool any = false;
  for (auto& [context, measured] : contexts_) {
    vendor().cuCtxSetCurrent(context);
    for (auto& [stream, launches] : measured.streams)
      while (!launches.empty() && vendor().cuEventQuery(launches.front().end) != CUDA_ERROR_NOT_READY) {
        count(measured, launches.front());
        launches.pop_front();
        any = true;
      }
    std::erase_if(measured.streams, [](const auto& entry) { return entry.second.empty(); });
  }
  if (any) settle();
  return any;
}

void Meter::count(Measured& measured, const Launch& launch) {
  float alone = 0, since = 0;
  bool known = vendor().cuEventElapsedTime(&alone, launch.begin, launch.end) == CUDA_SUCCESS;
  bool later = true;
  if (known && measured.latest) {
    known = vendor().cuEventElapsedTime(&since, measured.latest, launch.end) == CUDA_SUCCESS;
    later = since > 0;
    alone = std::min(alone, std::max(since, 0.0F));
  }
  const double ns = known ? alone * to_ns : 0;
  share_->device_ns += static_cast<uint64_t>(ns);
  // Near the median, so that one that was held up says little.
  usual_ns_ = ns > usual_ns_ ? std::min(ns, usual_ns_ * 2 + 1000) : std::max(ns, usual_ns_ / 2);
  measured.free.push_back(launch.begin);
  CUevent spare = later ? std::exchange(measured.latest, launch.end) : launch.end;
  if (spare) measured.free.push_back(spare);
  --unfinished_;
  ++finished_;
}

void Meter::settle() {
  share_->running = unfinished_ != 0;
  changed_.notify_all();
}

void Meter::forget(CUcontext context) {
  if (!counts()) return;
  std::lock_guard hold(lock_);
  auto found = contexts_.find(context);
  if (found == contexts_.end()) return;
  for (const auto& [stream, launches] : found->second.streams) unfinished_ -= launches.size();
  contexts_.erase(found);
  ++finished_;
  settle();
}

}  // namespace nvidia
