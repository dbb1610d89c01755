#include "device/software/check/global_races.h"

#include <algorithm>

namespace software {

void GlobalRaces::release(const Block& block) {
  std::lock_guard hold(lock_);
  const uint32_t now = events_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (releases_ >= most_releases) return;
  ++releases_;
  released_[block.number].push_back(now);
}

bool GlobalRaces::passed_on(const RaceStamp& before, const Block& block) {
  if (before.strong && block.acquired >= before.when) return true;
  std::lock_guard hold(lock_);
  if (releases_ >= most_releases) return true;
  auto found = released_.find(before.block);
  if (found == released_.end()) return false;
  auto first = std::ranges::upper_bound(found->second, before.when);
  return first != found->second.end() && *first <= block.acquired;
}

RaceWord* GlobalRaces::word(Shard& shard, uint64_t address) {
  auto& page = shard.pages[address / page_bytes];
  if (!page) {
    if (bytes_.fetch_add(sizeof(Page), std::memory_order_relaxed) > most_bytes) {
      full_.store(true, std::memory_order_relaxed);
      return nullptr;
    }
    page = std::make_unique<Page>();
  }
  return &(*page)[address % page_bytes / 4];
}

std::optional<RaceFound> GlobalRaces::touch(const Block& block, const SharedRaces& own, const RaceStep& step,
                                            uint64_t address, uint32_t bytes, const uint8_t* value) {
  struct Order {
    GlobalRaces& races;
    const Block& block;
    const SharedRaces& own;
    const RaceStep& step;
    bool valid(const RaceStamp& stamp) const { return stamp.block != 0; }
    bool before(const RaceStamp& stamp) const {
      return (stamp.block == block.number && own.ordered(stamp, step)) || races.passed_on(stamp, block);
    }
  } order{*this, block, own, step};
  Shard& shard = shards_[address / page_bytes % shards];
  std::lock_guard hold(shard.lock);
  RaceWord* known = word(shard, address);
  if (!known) return std::nullopt;
  RaceStamp now = own.stamp(block.number, step.warp);
  now.when = events_.load(std::memory_order_acquire);
  return RaceTouch(*known, step, now, static_cast<uint32_t>(address % 4), bytes, order).run(value);
}

void GlobalRaces::forget(uint64_t address, uint64_t size) {
  for (uint64_t at = address & ~uint64_t{3}; at < address + size;) {
    const uint64_t end = std::min((at / page_bytes + 1) * page_bytes, address + size);
    Shard& shard = shards_[at / page_bytes % shards];
    std::lock_guard hold(shard.lock);
    auto found = shard.pages.find(at / page_bytes);
    for (; at < end; at += 4)
      if (found != shard.pages.end() && found->second) (*found->second)[at % page_bytes / 4] = RaceWord{};
    at = end;
  }
}

}  // namespace software
