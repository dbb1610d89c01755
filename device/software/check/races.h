// Races of a block's threads in its shared memory: two accesses of different threads to one byte, at least one of them
// a write, with nothing in between that orders them. Warps are ordered by vector clocks (Flanagan and Freund,
// "FastTrack", PLDI 2009), which barriers and strong accesses pass on; the lanes of a warp by bar.warp.sync.
//
// In doubt there is no race: of the threads that read a byte two are remembered, of the bytes of a word the one that
// was touched last, every strong access orders like an acquire and a release, and every member of a warp's barrier has
// met all others.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "device/software/check/race_word.h"

namespace software {

class SharedRaces {
 public:
  static constexpr uint32_t most_warps = 32, most_barriers = 17;
  static constexpr uint8_t several = several_lanes, whole_warp = whole_warp_lane;

  void begin(uint32_t bytes, uint32_t warps);

  // --- what orders
  void arrive(uint32_t barrier, uint32_t warp);
  void complete(uint32_t barrier, bool with_exited);
  void leave(uint32_t barrier, uint32_t warp);
  void exit(uint32_t warp);
  void meet(uint32_t warp, uint32_t lanes);
  // A strong access at `place`, after its touch(): an offset in shared memory, or an address, which is larger.
  void synchronise(uint32_t warp, uint32_t lanes, uint64_t place);
  // Was it done before this step, for whoever looks? Both are of this block.
  bool ordered(const RaceStamp& before, const RaceStep& now) const;

  // --- what races
  void next_instruction(uint32_t warp) { ++time_[warp]; }
  RaceStamp stamp(uint32_t block, uint32_t warp) const { return {block, clocks_[warp][warp], time_[warp]}; }
  // Up to 4 bytes that lie in one word. `value`: what is written there, if that is known.
  std::optional<RaceFound> touch(const RaceStep& step, uint32_t offset, uint32_t bytes, const uint8_t* value);

 private:
  using Clock = std::array<uint32_t, most_warps>;

  uint32_t block_ = 0;  // counted: all that was noted for earlier ones is void
  std::vector<RaceWord> words_;
  std::vector<Clock> clocks_;                  // by warp
  std::vector<uint32_t> time_;                 // by warp
  std::vector<std::array<uint32_t, 32>> met_;  // by warp and lane: the time it was last ordered
  std::array<Clock, most_barriers> arrived_{}, complete_{};
  Clock exited_{};
  std::unordered_map<uint64_t, Clock> passed_on_;  // by 8 bytes: what strong accesses there know
};

}  // namespace software
