// Which parts of a range of addresses are free. First fit by address, neighbours coalesce. Touches no memory; not
// thread-safe.
#pragma once
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

namespace base {

class FreeList {
 public:
  FreeList(uint64_t begin, uint64_t end) { free_.emplace(begin, end); }

  // 0: no room. `alignment` is a power of two.
  uint64_t take(uint64_t size, uint64_t alignment);
  // Exactly [begin, begin + size); false: not all of it is free.
  bool take_at(uint64_t begin, uint64_t size);
  // Gives [begin, end) back; returns the whole free range it is now part of.
  std::pair<uint64_t, uint64_t> give(uint64_t begin, uint64_t end);

 private:
  std::map<uint64_t, uint64_t> free_;  // begin -> end
};

inline uint64_t FreeList::take(uint64_t size, uint64_t alignment) {
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    auto [begin, end] = *at;
    uint64_t start = (begin + alignment - 1) & ~(alignment - 1);
    if (start > end || end - start < size) continue;
    free_.erase(at);
    if (begin < start) free_.emplace(begin, start);
    if (start + size < end) free_.emplace(start + size, end);
    return start;
  }
  return 0;
}

inline bool FreeList::take_at(uint64_t begin, uint64_t size) {
  auto after = free_.upper_bound(begin);
  if (after == free_.begin()) return false;
  auto [free_begin, free_end] = *std::prev(after);
  if (begin >= free_end || free_end - begin < size) return false;
  free_.erase(std::prev(after));
  if (free_begin < begin) free_.emplace(free_begin, begin);
  if (begin + size < free_end) free_.emplace(begin + size, free_end);
  return true;
}

inline std::pair<uint64_t, uint64_t> FreeList::give(uint64_t begin, uint64_t end) {
  auto next = free_.lower_bound(begin);
  if (next != free_.begin()) {
    auto before = std::prev(next);
    if (before->second == begin) {
      begin = before->first;
      free_.erase(before);
    }
  }
  if (next != free_.end() && next->first == end) {
    end = next->second;
    free_.erase(next);
  }
  free_.emplace(begin, end);
  return {begin, end};
}

}  // namespace base
