// Which blocks of a launch nobody has taken: each thread has a share of neighbours, the same one whenever a kernel is
// launched alike, so that it finds in its core's cache what it left there; whoever is done takes of the others' shares.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace software {

class Shares {
 public:
  struct Range {
    uint64_t first = 0, end = 0;  // alike: none
  };

  // `whole`: blocks of a cluster, which stay together. One share: blocks are taken in their order.
  void divide(uint64_t blocks, uint64_t whole, uint32_t shares) {
    count_ = std::clamp<uint32_t>(shares, 1, most);
    for (uint32_t i = 0; i < count_; ++i) {
      shares_[i].next = blocks / whole * i / count_ * whole;
      shares_[i].end = i + 1 == count_ ? blocks : blocks / whole * (i + 1) / count_ * whole;
    }
  }

  bool left() const {
    return std::any_of(shares_.begin(), shares_.begin() + count_, [](const Share& share) { return share.left() > 0; });
  }

  // What the thread takes next, `portion(left)` of them.
  template <class Portion>
  Range take(uint32_t thread, const Portion& portion) {
    for (uint32_t i = 0; i < count_; ++i) {
      Share& share = shares_[(thread + i) % count_];
      const uint64_t left = share.left();
      if (left == 0) continue;
      const uint64_t count = portion(left), first = share.next.fetch_add(count);
      if (first < share.end) return {first, std::min(first + count, share.end)};
    }
    return {};
  }

 private:
  static constexpr uint32_t most = 16;
  struct alignas(64) Share {  // a line of the cache each
    std::atomic<uint64_t> next{0};
    uint64_t end = 0;

    uint64_t left() const {
      const uint64_t at = next.load(std::memory_order_relaxed);
      return at < end ? end - at : 0;
    }
  };
  std::array<Share, most> shares_;
  uint32_t count_ = 1;
};

}  // namespace software
