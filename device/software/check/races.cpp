#include "device/software/check/races.h"

#include <algorithm>

namespace software {
namespace {

template <class Clock>
void join(Clock& into, const Clock& other) {
  for (size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], other[i]);
}

}  // namespace

void SharedRaces::begin(uint32_t bytes, uint32_t warps) {
  ++block_;
  if (words_.size() < bytes / 4 + 1) words_.resize(bytes / 4 + 1);
  clocks_.assign(warps, Clock{});
  for (uint32_t warp = 0; warp < warps; ++warp) clocks_[warp][warp] = 1;
  time_.assign(warps, 1);
  met_.assign(warps, {});
  arrived_.fill({});
  complete_.fill({});
  exited_ = {};
  passed_on_.clear();
}

void SharedRaces::arrive(uint32_t barrier, uint32_t warp) {
  join(arrived_[barrier], clocks_[warp]);
  ++clocks_[warp][warp];
}

void SharedRaces::complete(uint32_t barrier, bool with_exited) {
  complete_[barrier] = arrived_[barrier];
  if (with_exited) join(complete_[barrier], exited_);
  arrived_[barrier] = {};
}

void SharedRaces::leave(uint32_t barrier, uint32_t warp) {
  join(clocks_[warp], complete_[barrier]);
  meet(warp, ~0u);
}

void SharedRaces::exit(uint32_t warp) { join(exited_, clocks_[warp]); }

void SharedRaces::meet(uint32_t warp, uint32_t lanes) {
  const uint32_t now = ++time_[warp];
  for (; lanes; lanes &= lanes - 1) met_[warp][static_cast<uint32_t>(__builtin_ctz(lanes))] = now;
}

void SharedRaces::synchronise(uint32_t warp, uint32_t lanes, uint64_t place) {
  Clock& known = passed_on_[place / 8];
  join(clocks_[warp], known);
  known = clocks_[warp];
  ++clocks_[warp][warp];
  meet(warp, lanes);
}

bool SharedRaces::ordered(const RaceStamp& before, const RaceStep& now) const {
  if (before.warp != now.warp) return clocks_[now.warp][before.warp] >= before.clock;
  if (before.lane == whole_warp || now.lane == whole_warp) return true;
  if (before.lane == now.lane && now.lane < several) return true;
  return met_[now.warp][now.one_of_them] > before.time;
}

std::optional<RaceFound> SharedRaces::touch(const RaceStep& step, uint32_t offset, uint32_t bytes,
                                            const uint8_t* value) {
  struct Order {
    const SharedRaces& races;
    const RaceStep& step;
    bool valid(const RaceStamp& stamp) const { return stamp.block == races.block_; }
    bool before(const RaceStamp& stamp) const { return races.ordered(stamp, step); }
  } order{*this, step};
  return RaceTouch(words_[offset / 4], step, stamp(block_, step.warp), offset % 4, bytes, order).run(value);
}

}  // namespace software
