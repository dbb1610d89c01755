#include "device/software/check/races.h"

#include <algorithm>
#include <cstring>

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

void SharedRaces::synchronise(uint32_t warp, uint32_t lanes, uint32_t offset) {
  Clock& known = passed_on_[offset / 8];
  join(clocks_[warp], known);
  known = clocks_[warp];
  ++clocks_[warp][warp];
  meet(warp, lanes);
}

// Was it done before this step, for whoever looks?
bool SharedRaces::ordered(const Stamp& before, const Step& now) const {
  if (before.warp != now.warp) return clocks_[now.warp][before.warp] >= before.clock;
  if (before.lane == whole_warp || now.lane == whole_warp) return true;
  if (before.lane == now.lane && now.lane < several) return true;
  return met_[now.warp][now.one_of_them] > before.time;
}

std::optional<SharedRaces::Found> SharedRaces::touch(const Step& step, uint32_t offset, uint32_t bytes,
                                                     const uint8_t* value) {
  Word& word = words_[offset / 4];
  const uint32_t first = offset % 4;
  const auto mask = static_cast<uint8_t>(((1u << bytes) - 1) << first);
  std::optional<Found> found;
  auto against = [&](const Stamp& before, Hazard hazard) {
    if (found || !holds(before, mask) || (before.strong && step.strong) || ordered(before, step)) return;
    found = Found{hazard, before.warp, before.lane, before.place};
  };
  if (step.reads) against(word.write, Hazard::read_after_write);
  // Threads that write what is there already do not disturb each other.
  bool same =
      value && word.valued && (word.write.bytes & mask) == mask && !std::memcmp(word.value + first, value, bytes);
  if (step.writes && !same) against(word.write, Hazard::write_after_write);
  if (step.writes)
    for (const Stamp& read : word.reads)
      if (read.block == block_ && !(read.warp == step.warp && read.time == time_[step.warp]))
        against(read, Hazard::write_after_read);
  const Stamp stamp{block_,           clocks_[step.warp][step.warp],
                    time_[step.warp], static_cast<uint8_t>(step.warp),
                    step.lane,        mask,
                    step.strong,      step.place};
  if (step.reads) note_read(word, stamp, step);
  if (step.writes) note_write(word, stamp, first, bytes, value);
  return found;
}

// Of what is ordered before, the later one says it all.
void SharedRaces::note_read(Word& word, const Stamp& stamp, const Step& step) {
  for (Stamp& kept : word.reads) {
    const bool mine = kept.block == block_ && kept.warp == stamp.warp;
    if (mine && kept.time == stamp.time) {
      if (kept.lane != stamp.lane) kept.lane = several;
      kept.bytes |= stamp.bytes;
      return;
    }
    if (kept.block == block_ && !mine && !ordered(kept, step)) continue;
    kept = stamp;
    return;
  }
  word.reads[1] = stamp;
}

void SharedRaces::note_write(Word& word, const Stamp& stamp, uint32_t first, uint32_t bytes, const uint8_t* value) {
  word.write = stamp;
  word.valued = value != nullptr;
  if (value) std::memcpy(word.value + first, value, bytes);
  for (Stamp& read : word.reads)
    if (holds(read, stamp.bytes)) read.block = 0;
}

}  // namespace software
