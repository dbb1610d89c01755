// Places that the client wants to be told of, so that it need not ask again and again. One thread looks at all of them;
// it is there from the first watch on, and sleeps while there is none.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "server/cuda/worker.h"

namespace worker {
namespace {

struct Watch {
  uint64_t number;  // the client's
  CUcontext context;
  CUevent event;
  bool own;  // made here, for a stream
};

class Watches {
 public:
  // Where there are more than any client needs, the client is told to ask.
  void add(const Watch& watch) {
    std::lock_guard hold(lock_);
    if (all_.size() >= most) return session().send_reached(watch.number, CUDA_ERROR_OUT_OF_MEMORY);
    all_.push_back(watch);
    if (!started_) std::thread([this] { look(); }).detach();
    started_ = true;
    more_.notify_one();
  }
  // The event is about to be destroyed.
  void remove(CUevent event) {
    std::lock_guard hold(lock_);
    std::erase_if(all_, [&](const Watch& watch) { return watch.event == event; });
  }

 private:
  static constexpr size_t most = 1 << 16;
  static constexpr std::chrono::microseconds shortest{50}, longest{1000};

  void look() {
    std::chrono::microseconds pause = shortest;
    for (std::unique_lock hold(lock_);;) {
      more_.wait(hold, [&] { return !all_.empty(); });
      pause = std::erase_if(all_, over) ? shortest : std::min(pause * 2, longest);
      hold.unlock();
      std::this_thread::sleep_for(pause);
      hold.lock();
    }
  }

  static bool over(const Watch& watch) {
    const device::Driver& driver = session().driver();
    CUresult result = driver.cuCtxSetCurrent(watch.context);
    if (result == CUDA_SUCCESS) result = driver.cuEventQuery(watch.event);
    if (result == CUDA_ERROR_NOT_READY) return false;
    if (watch.own) driver.cuEventDestroy_v2(watch.event);
    session().send_reached(watch.number, result);
    return true;
  }

  std::mutex lock_;  // held while the driver is asked, so that no event is destroyed meanwhile
  std::condition_variable more_;
  std::vector<Watch> all_;
  bool started_ = false;
};

Watches& watches() {
  static auto* made = new Watches;  // its thread outlives main
  return *made;
}

CUresult add(uint64_t number, CUevent event, bool own) {
  CUcontext context = nullptr;
  if (CUresult result = session().driver().cuCtxGetCurrent(&context)) return result;
  watches().add({number, context, event, own});
  return CUDA_SUCCESS;
}

}  // namespace

CUresult obWatchEvent(CUevent event, uint64_t watch) { return add(watch, event, false); }

CUresult obUnwatchEvent(CUevent event) {
  watches().remove(event);
  return CUDA_SUCCESS;
}

CUresult obQueryEvent(CUevent event, uint64_t watch) {
  CUresult result = session().driver().cuEventQuery(event);
  if (result != CUDA_ERROR_NOT_READY) return result;
  CUresult added = add(watch, event, false);
  return added ? added : result;
}

CUresult obQueryStream(CUstream stream, uint64_t watch) {
  const device::Driver& driver = session().driver();
  CUresult result = driver.cuStreamQuery(stream);
  if (result != CUDA_ERROR_NOT_READY) return result;
  CUevent event = nullptr;
  if (CUresult made = driver.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING)) return made;
  CUresult added = driver.cuEventRecord(event, stream);
  if (added == CUDA_SUCCESS) added = add(watch, event, true);
  if (added) driver.cuEventDestroy_v2(event);
  return added ? added : result;
}

}  // namespace worker
