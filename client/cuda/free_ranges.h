// Free ranges inside blocks of memory: neighbours in one block coalesce, and the smallest that suffices is taken.
#pragma once
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace client {

struct FreeRange {
  uint64_t begin = 0, size = 0;
  uint64_t block = 0;  // where its block begins
};

class FreeRanges {
 public:
  bool empty() const { return by_address_.empty(); }
  uint64_t bytes() const { return bytes_; }

  // The first `room` bytes of one; 0: there is none.
  uint64_t take(uint64_t room) {
    auto fits = by_size_.lower_bound({room, 0});
    if (fits == by_size_.end()) return 0;
    const FreeRange range = remove(by_address_.find(fits->second));
    if (range.size > room) insert({range.begin + room, range.size - room, range.block});
    return range.begin;
  }
  // Returns the whole free range that it is part of now.
  FreeRange give(FreeRange range) {
    auto next = by_address_.lower_bound(range.begin);
    if (next != by_address_.end() && next->second.block == range.block && next->first == range.begin + range.size) {
      auto after = std::next(next);
      range.size += remove(next).size;
      next = after;
    }
    if (next != by_address_.begin()) {
      auto before = std::prev(next);
      if (before->second.block == range.block && before->first + before->second.size == range.begin) {
        const FreeRange joined = remove(before);
        range = {joined.begin, joined.size + range.size, range.block};
      }
    }
    insert(range);
    return range;
  }
  void remove(uint64_t begin) { remove(by_address_.find(begin)); }
  // Takes all of them.
  template <class Visit>
  void drain(const Visit& visit) {
    for (const auto& [begin, range] : std::exchange(by_address_, {})) visit(range);
    by_size_.clear();
    bytes_ = 0;
  }

 private:
  using ByAddress = std::map<uint64_t, FreeRange>;

  void insert(const FreeRange& range) {
    by_address_[range.begin] = range;
    by_size_.insert({range.size, range.begin});
    bytes_ += range.size;
  }
  FreeRange remove(ByAddress::iterator at) {
    const FreeRange range = at->second;
    by_size_.erase({range.size, range.begin});
    by_address_.erase(at);
    bytes_ -= range.size;
    return range;
  }

  ByAddress by_address_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_;  // size and begin
  uint64_t bytes_ = 0;
};

}  // namespace client
