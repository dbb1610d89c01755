// Which bytes of memory have been written: a bit for each.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace software {

// Over memory of somebody else's, as bits from byte 0 on. Threads may set bits of the same word.
class WrittenBits {
 public:
  WrittenBits() = default;
  explicit WrittenBits(uint64_t* words) : words_(words) {}

  void set(uint64_t first, uint64_t count);
  void clear(uint64_t first, uint64_t count);
  bool all(uint64_t first, uint64_t count) const;
  // What `from` says of its bytes is true of [to, to + count) from now on. The ranges may overlap.
  void copy(uint64_t to, uint64_t from, uint64_t count);

 private:
  template <class Visit>
  static bool each_word(uint64_t first, uint64_t count, const Visit& visit);
  bool get(uint64_t bit) const { return words_[bit / 64] >> bit % 64 & 1; }

  uint64_t* words_ = nullptr;
};

// Of the device's part of the address window. The bits take an eighth of what is in use.
class WrittenMemory {
 public:
  WrittenMemory();
  ~WrittenMemory();
  WrittenMemory(const WrittenMemory&) = delete;
  WrittenMemory& operator=(const WrittenMemory&) = delete;

  bool works() const { return map_ != nullptr; }
  // Addresses outside of the window are left alone, and count as written.
  void set(uint64_t address, uint64_t size);
  void clear(uint64_t address, uint64_t size);
  bool all(uint64_t address, uint64_t size) const;
  void copy(uint64_t to, uint64_t from, uint64_t size);

 private:
  void* map_ = nullptr;
  WrittenBits bits_;
};

// Of one block's shared memory, by offset.
class WrittenShared {
 public:
  void begin(uint32_t bytes) { words_.assign(bytes / 64 + 1, 0); }
  void set(uint64_t offset, uint64_t size) { WrittenBits(words_.data()).set(offset, size); }
  bool all(uint64_t offset, uint64_t size) { return WrittenBits(words_.data()).all(offset, size); }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace software
