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

namespace software {

enum class Hazard : uint8_t { read_after_write, write_after_read, write_after_write };

class SharedRaces {
 public:
  static constexpr uint32_t most_warps = 32, most_barriers = 17;
  // In place of a lane: several of them, which do it each for itself; or the warp as a whole.
  static constexpr uint8_t several = 32, whole_warp = 33;

  struct Step {  // one instruction of one lane
    uint32_t warp;
    uint8_t lane;
    uint8_t one_of_them;  // that lane; of several the first
    uint64_t place;       // in the kernel's code
    bool reads, writes, strong;
  };
  struct Found {
    Hazard hazard;
    uint32_t warp;  // who came before, and where
    uint8_t lane;
    uint64_t place;
  };

  void begin(uint32_t bytes, uint32_t warps);

  // --- what orders
  void arrive(uint32_t barrier, uint32_t warp);
  void complete(uint32_t barrier, bool with_exited);
  void leave(uint32_t barrier, uint32_t warp);
  void exit(uint32_t warp);
  void meet(uint32_t warp, uint32_t lanes);
  // A strong access at `offset`, after its touch().
  void synchronise(uint32_t warp, uint32_t lanes, uint32_t offset);

  // --- what races
  void next_instruction(uint32_t warp) { ++time_[warp]; }
  // Up to 4 bytes that lie in one word. `value`: what is written there, if that is known.
  std::optional<Found> touch(const Step& step, uint32_t offset, uint32_t bytes, const uint8_t* value);

 private:
  using Clock = std::array<uint32_t, most_warps>;
  struct Stamp {
    uint32_t block = 0;  // which one: all that was noted for earlier ones is void
    uint32_t clock = 0;  // of the warp, when it was done
    uint32_t time = 0;   // the warp's instructions, counted
    uint8_t warp = 0, lane = 0, bytes = 0;
    bool strong = false;
    uint64_t place = 0;
  };
  struct Word {
    Stamp write, reads[2];
    uint8_t value[4] = {};
    bool valued = false;
  };

  bool holds(const Stamp& stamp, uint8_t bytes) const { return stamp.block == block_ && (stamp.bytes & bytes); }
  bool ordered(const Stamp& before, const Step& now) const;
  void note_read(Word& word, const Stamp& stamp, const Step& step);
  void note_write(Word& word, const Stamp& stamp, uint32_t first, uint32_t bytes, const uint8_t* value);

  uint32_t block_ = 0;
  std::vector<Word> words_;
  std::vector<Clock> clocks_;                  // by warp
  std::vector<uint32_t> time_;                 // by warp
  std::vector<std::array<uint32_t, 32>> met_;  // by warp and lane: the time it was last ordered
  std::array<Clock, most_barriers> arrived_{}, complete_{};
  Clock exited_{};
  std::unordered_map<uint32_t, Clock> passed_on_;  // by 8 bytes: what strong accesses there know
};

}  // namespace software
