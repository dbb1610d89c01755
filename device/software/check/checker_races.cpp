// The checker's part about races: what it tells those who know what is ordered, and what is said of a race.
#include <algorithm>
#include <bit>
#include <cstring>

#include "base/log.h"
#include "device/software/check/block.h"
#include "device/software/check/lane.h"
#include "device/software/check/wording.h"
#include "device/software/run/complaint.h"

namespace software {
namespace {

// The value that the lane writes to bytes `first` to `first + count` of its place.
void value_of(const Access& access, uint32_t lane, uint64_t first, uint32_t count, uint8_t* value) {
  const uint64_t size = access.bytes / access.elements();
  for (uint64_t i = first; i < first + count; ++i)
    *value++ = access.values[(i / size * warp_size + lane) * size + i % size];
}

bool same_values(const Access& access) {
  const auto first = static_cast<uint32_t>(__builtin_ctz(access.lanes));
  uint8_t one[64], other[64];
  if (access.bytes > sizeof one) return true;
  const auto bytes = static_cast<uint32_t>(access.bytes);
  value_of(access, first, 0, bytes, one);
  for (uint32_t rest = access.lanes; rest; rest &= rest - 1) {
    value_of(access, static_cast<uint32_t>(__builtin_ctz(rest)), 0, bytes, other);
    if (std::memcmp(one, other, bytes) != 0) return false;
  }
  return true;
}

std::string thread_text(const Warp& warp, uint32_t of_warp, uint8_t lane) {
  Warp other = warp;
  other.first_thread = of_warp * warp_size;
  if (lane < warp_size) return "thread " + thread_place(other, lane);
  return (lane == SharedRaces::several ? "several threads of the warp of thread " : "the warp of thread ") +
         thread_place(other, 0);
}

std::string block_text(const Launch& launch, uint64_t index) {
  uint32_t at[3] = {};
  place_in_grid(launch, index, at);
  return triple(at);
}

const char* name_of(Hazard hazard) {
  switch (hazard) {
    case Hazard::read_after_write: return "a read after a write";
    case Hazard::write_after_read: return "a write after a read";
    default: return "a write after a write";
  }
}

}  // namespace

// Races, and what a strong access passes on.
void Checker::check_order(Warp& warp, const Access& access, uint32_t lane, const Lane& at, uint64_t& passed) {
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  check_races(warp, access, lane, at);
  if (!access.is(outboard_strong)) return;
  const uint64_t place = at.is_shared() ? at.offset : at.address;
  if (!at.is_shared() && access.is(outboard_reads)) block.in_launch.acquiring = true;
  if (place / 8 == passed) return;
  passed = place / 8;
  block.races.synchronise(warp.warp_index, access.lanes, place);
}

void Checker::check_races(Warp& warp, const Access& access, uint32_t lane, const Lane& at) {
  if (auto found = find_race(warp, access, lane, at)) say_race(warp, access, lane, at, *found);
}

std::optional<RaceFound> Checker::find_race(Warp& warp, const Access& access, uint32_t lane, const Lane& at) {
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  const bool many = access.is(outboard_one_address) && std::popcount(access.lanes) > 1;
  const RaceStep step{warp.warp_index,
                      access.is(outboard_whole_warp) ? SharedRaces::whole_warp
                      : many                         ? SharedRaces::several
                                                     : static_cast<uint8_t>(lane),
                      static_cast<uint8_t>(lane),
                      access.place,
                      access.is(outboard_reads),
                      access.is(outboard_writes),
                      access.is(outboard_strong)};
  std::optional<RaceFound> found;
  for (uint64_t done = 0; done < access.bytes;) {
    const uint64_t offset = (at.is_shared() ? at.offset : at.address) + done;
    const auto count = static_cast<uint32_t>(std::min(access.bytes - done, 4 - offset % 4));
    uint8_t value[4];
    if (access.values) value_of(access, lane, done, count, value);
    const uint8_t* known = access.values ? value : nullptr;
    auto race = at.is_shared() ? block.races.touch(step, static_cast<uint32_t>(offset), count, known)
                               : block.global_races->touch(block.in_launch, block.races, step, offset, count, known);
    if (race && !found) found = race;
    done += count;
  }
  if (!found && many && access.values && !same_values(access) && !step.strong)
    found = RaceFound{Hazard::write_after_write, warp.warp_index, SharedRaces::several, access.place,
                      block.in_launch.number};
  return found;
}

void Checker::say_race(Warp& warp, const Access& access, uint32_t lane, const Lane& at, const RaceFound& found) {
  const CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  const char* before = found.hazard == Hazard::write_after_read ? "the read" : "the write";
  const bool is_shared = at.is_shared(), other_block = !is_shared && found.block != block.in_launch.number;
  const uint32_t kind = 1 + static_cast<uint32_t>(found.hazard) + (is_shared ? 0 : other_block ? 8 : 4);
  const auto where = [&] {
    if (is_shared) return "offset " + std::to_string(at.offset);
    const Job* job = static_cast<const Block*>(warp.block)->job;
    return hexadecimal(at.address) + ", " + places_.describe(at.address, access.bytes, job);
  };
  complain(warp, access, lane, kind_of(racing, access, kind),
           std::string("Race in ") + at.memory() + " memory: " + name_of(found.hazard), [&] {
             return std::string(verb(access)) + " of " + bytes_text(access.bytes) + " at " + where() + "; " + before +
                    " before it: " + line_text(found.place) + ", " + thread_text(warp, found.warp, found.lane) +
                    (other_block ? " of block " + block_text(*warp.launch, found.block - 1) : "") +
                    "; nothing orders the two";
           });
}

GlobalRaces* Checker::races_of(const Job& job) {
  std::lock_guard hold(launches_lock_);
  auto& made = launches_[&job];
  if (!made) made = std::make_unique<GlobalRaces>();
  return made.get();
}

void Checker::ended(const Job& job) {
  if (checks_.races) {
    std::lock_guard hold(launches_lock_);
    auto found = launches_.find(&job);
    if (found != launches_.end() && !found->second->complete())
      base::log(base::Level::warn, "races were looked for in a part of the global memory only: the kernel touches more",
                {{"kernel", readable(job.launch.kernel_name)}});
    if (found != launches_.end()) launches_.erase(found);
  }
  findings_.print();
}

void Checker::fence(Warp& warp) {
  if (!checks_.races) return;
  CheckedBlock& block = CheckedBlock::of(*static_cast<Block*>(warp.block));
  block.global_races->next_access(block.in_launch);
  block.global_races->release(block.in_launch);
}

void Checker::meet(Warp& warp, uint32_t lanes) {
  if (checks_.races) CheckedBlock::of(*static_cast<Block*>(warp.block)).races.meet(warp.warp_index, lanes);
}

}  // namespace software
