// What is remembered of the accesses to four bytes of memory, and when another one races with them. Whether two
// accesses are ordered is for others to say (races.h, global_races.h).
#pragma once
#include <cstdint>
#include <cstring>
#include <optional>

namespace software {

enum class Hazard : uint8_t { read_after_write, write_after_read, write_after_write };

// In place of a lane: several of them, which do it each for itself; or the warp as a whole.
inline constexpr uint8_t several_lanes = 32, whole_warp_lane = 33;

struct RaceStep {  // one instruction of one lane
  uint32_t warp;
  uint8_t lane;
  uint8_t one_of_them;  // that lane; of several the first
  uint64_t place;       // in the kernel's code
  bool reads, writes, strong;
};

struct RaceFound {
  Hazard hazard;
  uint32_t warp;  // who came before, and where
  uint8_t lane;
  uint64_t place;
  uint32_t block = 0;  // as its stamp has it
};

struct RaceStamp {
  uint32_t block = 0;  // whose; 0: none
  uint32_t clock = 0;  // of the warp, when it was done
  uint32_t time = 0;   // the warp's instructions, counted
  uint32_t when = 0;   // the launch's events, counted
  uint64_t place : 48 = 0;
  uint64_t warp : 5 = 0;
  uint64_t lane : 6 = 0;
  uint64_t bytes : 4 = 0;
  uint64_t strong : 1 = 0;

  bool by_same_instruction(const RaceStamp& other) const {
    return block == other.block && warp == other.warp && time == other.time;
  }
};

struct RaceWord {
  RaceStamp write, reads[2];
  uint8_t value[4] = {};
  bool valued = false;
};

// One access to bytes `first` to `first + bytes` of the word. `value`: what is written there, if that is known.
// `order`: valid(stamp), does it still count; before(stamp), is it ordered before this step.
template <class Order>
class RaceTouch {
 public:
  RaceTouch(RaceWord& word, const RaceStep& step, RaceStamp now, uint32_t first, uint32_t bytes, const Order& order)
      : word_(word), step_(step), now_(now), first_(first), bytes_(bytes), order_(order) {
    now_.place = step.place, now_.warp = step.warp, now_.lane = step.lane, now_.strong = step.strong;
    now_.bytes = ((1u << bytes) - 1) << first;
  }

  std::optional<RaceFound> run(const uint8_t* value) {
    if (step_.reads) against(word_.write, Hazard::read_after_write);
    // Threads that write what is there already do not disturb each other.
    const bool same = value && word_.valued && (word_.write.bytes & now_.bytes) == now_.bytes &&
                      !std::memcmp(word_.value + first_, value, bytes_);
    if (step_.writes && !same) against(word_.write, Hazard::write_after_write);
    if (step_.writes)
      for (const RaceStamp& read : word_.reads)
        if (!read.by_same_instruction(now_)) against(read, Hazard::write_after_read);
    if (step_.reads) note_read();
    if (step_.writes) note_write(value);
    return found_;
  }

 private:
  bool holds(const RaceStamp& stamp) const { return order_.valid(stamp) && (stamp.bytes & now_.bytes); }

  void against(const RaceStamp& before, Hazard hazard) {
    if (found_ || !holds(before) || (before.strong && step_.strong) || order_.before(before)) return;
    found_ = RaceFound{hazard, static_cast<uint32_t>(before.warp), static_cast<uint8_t>(before.lane), before.place,
                       before.block};
  }

  // Of what is ordered before, the later one says it all.
  void note_read() {
    for (RaceStamp& kept : word_.reads) {
      const bool valid = order_.valid(kept), mine = valid && kept.block == now_.block && kept.warp == now_.warp;
      if (mine && kept.time == now_.time) {
        if (kept.lane != now_.lane) kept.lane = several_lanes;
        kept.bytes |= now_.bytes;
        return;
      }
      if (valid && !mine && !order_.before(kept)) continue;
      kept = now_;
      return;
    }
    word_.reads[1] = now_;
  }

  void note_write(const uint8_t* value) {
    word_.write = now_;
    word_.valued = value != nullptr;
    if (value) std::memcpy(word_.value + first_, value, bytes_);
    for (RaceStamp& read : word_.reads)
      if (holds(read)) read.block = 0;
  }

  RaceWord& word_;
  const RaceStep& step_;
  RaceStamp now_;
  const uint32_t first_, bytes_;
  const Order& order_;
  std::optional<RaceFound> found_;
};

}  // namespace software
