// The device's processors: threads that take blocks of whatever launches are under way. Threads start with the
// first launch that is worth sharing and live as long as the process.
#pragma once
#include <atomic>
#include <climits>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "device/software/run/job.h"

namespace software {

class Pool {
 public:
  // As many as the process may use, or OUTBOARD_SOFTWARE_THREADS.
  static unsigned default_threads();

  explicit Pool(unsigned threads) : threads_(threads) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  unsigned threads() const { return threads_; }
  // Runs the launch to its end or its first failure, on the caller's thread and on the pool's. The caller must
  // be a thread of ours (prepare_kernel_thread).
  void run(Job& job);
  // Ends what runs on that owner's behalf, all of it for nullptr. To be repeated: see Job::cancel.
  void cancel(const void* owner);
  bool busy();
  // While the gate is closed: asks kernels to hold where they are. False: some did not yet, to be repeated.
  bool hold();

 private:
  struct Active {
    Job* job;
    unsigned helpers = 0;
  };
  void start();
  void help(uint32_t index);
  Active* wanting();

  const unsigned threads_;
  std::mutex lock_;
  std::condition_variable work_, left_;
  std::list<Active> active_;
  std::vector<Job*> running_;
  std::vector<std::thread> helpers_;
  bool stopping_ = false;
  unsigned sleeping_ = 0;             // helpers
  std::atomic<uint64_t> offers_{0};   // launches that were worth sharing, so far
  std::atomic<int> urgent_{INT_MAX};  // the best priority among launches with blocks left, as of the last look
  std::atomic<unsigned> helping_{0};  // helpers that are in some launch
};

}  // namespace software
