// Holds a lock, and lets this thread know: what it asks of the device meanwhile comes by where it took the lock, and
// must not take it again.
#pragma once
#include <mutex>

namespace client {

class Hold {
 public:
  // `holding`: the thread's own.
  Hold(std::mutex& lock, bool& holding) : lock_(lock), holding_(holding) { holding_ = true; }
  ~Hold() { holding_ = false; }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  bool& holding_;
};

}  // namespace client
