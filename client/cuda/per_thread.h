// Marks calls that came through a _ptsz or _ptds name: there, stream 0 means the calling thread's own
// stream (CUDA Driver API, "Stream synchronization behavior").
#pragma once

namespace client {

inline thread_local bool per_thread_default = false;

class PerThreadScope {
 public:
  PerThreadScope() : before_(per_thread_default) { per_thread_default = true; }
  ~PerThreadScope() { per_thread_default = before_; }
  PerThreadScope(const PerThreadScope&) = delete;
  PerThreadScope& operator=(const PerThreadScope&) = delete;

 private:
  bool before_;
};

}  // namespace client
