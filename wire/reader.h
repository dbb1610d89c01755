// Reads untrusted bytes. Fails sticky: after the first bad access every further one is harmless and gives
// nothing, so callers check ok() once, at the end.
#pragma once
#include <cstddef>
#include <cstring>
#include <span>

namespace wire {

class Reader {
 public:
  explicit Reader(std::span<std::byte> bytes) : bytes_(bytes) {}

  // The next `size` bytes in place, from the next multiple of 8; nullptr if there are not so many.
  void* take(size_t size) {
    size_t start = (used_ + 7) & ~size_t{7};
    if (!ok_ || start > bytes_.size() || size > bytes_.size() - start) {
      ok_ = false;
      return nullptr;
    }
    used_ = start + size;
    return bytes_.data() + start;
  }

  // A copy of the next sizeof(T) bytes; zeros after a failure.
  template <class T>
  T get() {
    T value{};
    if (void* bytes = take(sizeof(T))) std::memcpy(&value, bytes, sizeof(T));
    return value;
  }

  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  // Nothing but padding is left.
  bool at_end() const { return ok_ && bytes_.size() - used_ < 8; }

 private:
  std::span<std::byte> bytes_;
  size_t used_ = 0;
  bool ok_ = true;
};

}  // namespace wire
