// How long this process keeps the GPU busy, by events around its launches, and when it may launch: the server decides
// by what all sessions have used (device/share.h). Thread-safe.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "api/cuda/abi.h"
#include "device/share.h"

namespace nvidia {

class Meter {
 public:
  // At the start. Without it nothing is measured and everything is allowed.
  void obey(device::Share* share) { share_ = share; }
  bool counts() const { return share_ != nullptr; }

  // Waits until the current context's stream may be given more work; begin() is recorded in front of it, end() behind
  // it. A null event: it cannot be measured.
  CUevent begin(CUcontext context, CUstream stream);
  void end(CUcontext context, CUstream stream, CUevent begin);
  // It was not launched after all.
  void drop(CUcontext context, CUevent begin);
  // Before the context is destroyed: its events go with it.
  void forget(CUcontext context);

 private:
  struct Launch {
    CUevent begin, end;
  };
  struct Measured {  // of one context
    std::vector<CUevent> free;
    CUevent latest = nullptr;  // the last end that was counted
    std::map<CUstream, std::deque<Launch>> streams;
  };

  void wait_for_turn();
  void wait_for_room();
  bool someone_waits_elsewhere();
  CUevent take(CUcontext context);
  void run();
  bool count_finished();
  void count(Measured& measured, const Launch& launch);
  void settle();

  device::Share* share_ = nullptr;
  std::mutex lock_;
  std::condition_variable changed_;
  std::map<CUcontext, Measured> contexts_;
  size_t unfinished_ = 0;
  uint64_t finished_ = 0, let_through_at_ = UINT64_MAX;
  double usual_ns_ = 0;  // of a launch
  bool running_ = false;
};

Meter& meter();

}  // namespace nvidia
