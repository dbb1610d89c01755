// Builds a message. Grows as needed; addresses inside it are good until the next put().
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace wire {

class Writer {
 public:
  // At the next multiple of 8; what lies between is zero.
  void put(const void* data, size_t size) {
    if (size) std::memcpy(extend(size), data, size);
  }
  template <class T>
  void put(const T& value) {
    std::memcpy(extend(sizeof value), &value, sizeof value);
  }
  // Zeros up to the next multiple of 8.
  void align() { extend(0); }
  void clear() { size_ = 0; }
  // Takes back what was put behind the first `size` bytes.
  void shrink(size_t size) { size_ = size; }
  std::span<std::byte> bytes() { return {room_.data(), size_}; }

 private:
  // Room that is there from before is not zeroed first: messages are built at every call.
  std::byte* extend(size_t size) {
    const size_t start = (size_ + 7) & ~size_t{7};
    if (start + size > room_.size()) room_.resize(std::max(start + size, 2 * room_.size()));
    for (; size_ < start; ++size_) room_[size_] = {};
    size_ = start + size;
    return room_.data() + start;
  }

  std::vector<std::byte> room_;
  size_t size_ = 0;
};

}  // namespace wire
