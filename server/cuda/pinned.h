// Memory of the worker's own that the device copies from and to without anybody waiting: to and from other memory the
// vendor's driver copies while its caller waits (CUDA Driver API, "API synchronization behavior").
#pragma once
#include <cstddef>

namespace worker {

class PinnedBytes {
 public:
  PinnedBytes() = default;
  ~PinnedBytes() { drop(); }
  PinnedBytes(const PinnedBytes&) = delete;
  PinnedBytes& operator=(const PinnedBytes&) = delete;

  // At least `size` bytes; what was there is lost when more are needed. Throws std::bad_alloc.
  void room(size_t size);
  std::byte* get() const { return bytes_; }

 private:
  void drop();
  std::byte* bytes_ = nullptr;
  size_t size_ = 0;
  bool pinned_ = false;
};

}  // namespace worker
