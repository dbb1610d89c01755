// How many frames may be under way to a viewer, and how finely they are coded: follows the round trip and what the way
// carries. Knows neither threads nor pictures.
//
// As TCP's BBR sees it: the way holds (least round trip) x (rate of delivery); more under way only waits in queues. The
// least round trip is found again every ten seconds by letting the way run empty once.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>

#include "desktop/picture.h"

namespace desktop {

class Flow {
 public:
  using Milliseconds = std::chrono::duration<double, std::milli>;

  explicit Flow(int base_quality) : base_quality_(base_quality), quality_(base_quality) {}

  void sent(uint32_t id, size_t bytes, Clock::time_point grabbed, Clock::time_point now);
  // This frame and all before it have arrived.
  void acknowledged(uint32_t id, Clock::time_point now);
  // A viewer that does not tell: all count as arrived.
  void forget() { under_way_.clear(); }

  int window() const;
  bool full() const { return static_cast<int>(under_way_.size()) >= (draining_ ? 1 : window()); }
  size_t under_way() const { return under_way_.size(); }
  // When the oldest that has not arrived was sent.
  Clock::time_point oldest() const { return under_way_.front().sent; }
  int quality() const { return quality_; }
  double least_round_trip_ms() const { return least_ms_; }
  double lag_ms() const { return lag_ms_; }
  // Of the last frame that arrived.
  double last_ms() const { return last_ms_; }
  double frames_per_second(Clock::time_point now) const { return static_cast<double>(recent(now)); }
  double megabits_per_second(Clock::time_point now) const;

 private:
  struct Frame {
    uint32_t id;
    size_t bytes;
    Clock::time_point grabbed, sent;
    bool alone;  // nothing else was under way: its time is the way's own
  };
  struct Arrival {
    Clock::time_point when;
    size_t bytes;
  };
  size_t recent(Clock::time_point now) const;
  void learn_round_trip(const Frame& frame, double milliseconds, Clock::time_point now);
  void adapt_quality(double milliseconds, Clock::time_point now);

  static constexpr int least_window = 2, most_window = 8, worst_quality = 42;
  int base_quality_, quality_;
  std::deque<Frame> under_way_;
  std::deque<Arrival> arrivals_;  // of the last second
  double least_ms_ = 0, lag_ms_ = 0, last_ms_ = 0;
  Clock::time_point least_found_{}, quality_changed_{};
  int late_ = 0;
  bool draining_ = false;
};

}  // namespace desktop
