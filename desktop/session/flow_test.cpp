// A way of given delay and capacity, simulated: the window keeps it filled and its queue short.
#include "desktop/session/flow.h"

#include <gtest/gtest.h>

using namespace desktop;
using namespace std::chrono_literals;

namespace {

struct Outcome {
  double frames_per_second = 0, worst_late_ms = 0, quality = 0;
  int window = 0;
};

// Frames of `bytes` at quality 23, less when coarser; a source of 60 a second.
Outcome simulate(double delay_ms, double megabits, double bytes, int seconds) {
  Flow flow(23);
  Clock::time_point now{1s}, way_free = now;
  std::deque<std::pair<uint32_t, Clock::time_point>> coming;
  uint32_t id = 0;
  Outcome outcome;
  int delivered = 0;
  const auto end = now + std::chrono::seconds(seconds), settled = now + std::chrono::seconds(seconds / 2);
  auto next = now;
  for (; now < end; now += 1ms) {
    while (!coming.empty() && coming.front().second <= now) {
      flow.acknowledged(coming.front().first, now);
      if (now > settled) {
        ++delivered;
        outcome.worst_late_ms = std::max(outcome.worst_late_ms, flow.lag_ms());
      }
      coming.pop_front();
    }
    if (now < next || flow.full()) continue;
    next = now + 16667us;
    const double size = bytes * std::pow(2, (23 - flow.quality()) / 6.0);
    flow.sent(++id, static_cast<size_t>(size), now, now);
    way_free = std::max(way_free, now) + std::chrono::microseconds(static_cast<int64_t>(size * 8 / megabits));
    coming.emplace_back(id, way_free + std::chrono::microseconds(static_cast<int64_t>(delay_ms * 1000)));
  }
  outcome.frames_per_second = delivered / (seconds / 2.0);
  outcome.quality = flow.quality();
  outcome.window = flow.window();
  return outcome;
}

}  // namespace

TEST(Flow, ShortWayNeedsTwo) {
  const Outcome outcome = simulate(5, 1000, 20000, 10);
  EXPECT_EQ(outcome.window, 2);
  EXPECT_GT(outcome.frames_per_second, 57);
  EXPECT_EQ(outcome.quality, 23);
}

TEST(Flow, LongWayIsFilled) {
  const Outcome outcome = simulate(40, 50, 16000, 20);
  EXPECT_GT(outcome.frames_per_second, 55);
  EXPECT_LT(outcome.worst_late_ms, 60);
}

TEST(Flow, NarrowWayDoesNotFillUp) {
  const Outcome outcome = simulate(20, 5, 40000, 40);
  EXPECT_LT(outcome.worst_late_ms, 250);
  EXPECT_GT(outcome.quality, 23);
  EXPECT_GT(outcome.frames_per_second, 10);
}

TEST(Flow, AckOfWhatWasNeverSentIsIgnored) {
  Flow flow(23);
  flow.acknowledged(1000, Clock::now());
  EXPECT_EQ(flow.under_way(), 0u);
  flow.sent(5, 10, Clock::now(), Clock::now());
  flow.acknowledged(4, Clock::now());
  EXPECT_EQ(flow.under_way(), 1u);
  flow.acknowledged(0xffffff00, Clock::now());
  EXPECT_EQ(flow.under_way(), 1u);
}
