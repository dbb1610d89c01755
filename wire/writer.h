// Builds a message. Grows as needed; addresses inside it are good until the next put().
#pragma once
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace wire {

class Writer {
 public:
  // `size` zeroed bytes at the next multiple of 8.
  void* reserve(size_t size) {
    size_t start = (bytes_.size() + 7) & ~size_t{7};
    bytes_.resize(start + size);
    return bytes_.data() + start;
  }
  void put(const void* data, size_t size) {
    align();
    auto* bytes = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  template <class T>
  void put(const T& value) {
    put(&value, sizeof value);
  }
  // Zeros up to the next multiple of 8.
  void align() { bytes_.resize((bytes_.size() + 7) & ~size_t{7}); }
  void clear() { bytes_.clear(); }
  std::span<std::byte> bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace wire
