#include "desktop/session/flow.h"

namespace desktop {

using namespace std::chrono_literals;

void Flow::sent(uint32_t id, size_t bytes, Clock::time_point grabbed, Clock::time_point now) {
  under_way_.push_back({id, bytes, grabbed, now, under_way_.empty()});
  if (least_found_ == Clock::time_point{}) least_found_ = now;
}

size_t Flow::recent(Clock::time_point now) const {
  return static_cast<size_t>(
      std::count_if(arrivals_.begin(), arrivals_.end(), [&](const Arrival& each) { return now - each.when < 1s; }));
}

double Flow::megabits_per_second(Clock::time_point now) const {
  double bytes = 0;
  for (const Arrival& each : arrivals_)
    if (now - each.when < 1s) bytes += static_cast<double>(each.bytes);
  return bytes * 8 / 1e6;
}

// As many as are delivered in a round trip, and one that is being coded or shown meanwhile.
int Flow::window() const {
  const double rate = std::max<double>(30, static_cast<double>(arrivals_.size()));
  return std::clamp(static_cast<int>(std::ceil(least_ms_ / 1000 * rate)) + 1, least_window, most_window);
}

void Flow::acknowledged(uint32_t id, Clock::time_point now) {
  // Ids count up and may wrap; one that was never sent says nothing.
  while (!under_way_.empty() && static_cast<int32_t>(id - under_way_.front().id) >= 0) {
    const Frame frame = under_way_.front();
    under_way_.pop_front();
    const double milliseconds = Milliseconds(now - frame.sent).count();
    last_ms_ = milliseconds;
    const double lag = Milliseconds(now - frame.grabbed).count();
    lag_ms_ = lag_ms_ == 0 ? lag : lag_ms_ * 0.9 + lag * 0.1;
    arrivals_.push_back({now, frame.bytes});
    while (now - arrivals_.front().when >= 1s) arrivals_.pop_front();
    learn_round_trip(frame, milliseconds, now);
    adapt_quality(milliseconds, now);
  }
}

void Flow::learn_round_trip(const Frame& frame, double milliseconds, Clock::time_point now) {
  if (least_ms_ == 0 || milliseconds <= least_ms_ || (draining_ && frame.alone)) {
    least_ms_ = milliseconds;
    least_found_ = now;
    draining_ = false;
  } else if (now - least_found_ > 10s) {
    draining_ = true;
  }
}

// Late: much longer than the way itself takes. Coarser pictures make the queue shorter; finer ones are tried again
// slowly.
void Flow::adapt_quality(double milliseconds, Clock::time_point now) {
  const bool late = milliseconds > least_ms_ * 2 + 50;
  late_ = late ? late_ + 1 : 0;
  if (late_ >= 3 && now - quality_changed_ > 200ms) {
    quality_ = std::min(quality_ + 2, std::max(worst_quality, base_quality_));
    quality_changed_ = now;
  } else if (!late && quality_ > base_quality_ && now - quality_changed_ > 1s) {
    --quality_;
    quality_changed_ = now;
  }
}

}  // namespace desktop
