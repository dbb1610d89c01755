// What counts as a race of a block's threads, and what orders them.
#include "device/software/check/races.h"

#include <gtest/gtest.h>

namespace {

using software::Hazard;
using software::SharedRaces;

constexpr uint8_t whole = SharedRaces::whole_warp, several = SharedRaces::several;

struct Races : testing::Test {
  Races() { races.begin(256, 4); }

  std::optional<Hazard> touch(uint32_t warp, uint8_t lane, bool writes, uint32_t offset = 0, bool strong = false,
                              const uint32_t* value = nullptr, uint32_t bytes = 4) {
    races.next_instruction(warp);
    return again(warp, lane, writes, offset, strong, value, bytes);
  }
  // Another lane of the same instruction.
  std::optional<Hazard> again(uint32_t warp, uint8_t lane, bool writes, uint32_t offset = 0, bool strong = false,
                              const uint32_t* value = nullptr, uint32_t bytes = 4) {
    const uint8_t one = lane < several ? lane : 0;
    auto found = races.touch({warp, lane, one, 7, !writes || strong, writes || strong, strong}, offset, bytes,
                             reinterpret_cast<const uint8_t*>(value));
    if (strong) races.synchronise(warp, 1u << one, offset);
    if (!found) return std::nullopt;
    return found->hazard;
  }
  std::optional<Hazard> read(uint32_t warp, uint8_t lane = 0, uint32_t offset = 0) {
    return touch(warp, lane, false, offset);
  }
  std::optional<Hazard> write(uint32_t warp, uint8_t lane = 0, uint32_t offset = 0) {
    return touch(warp, lane, true, offset);
  }
  void barrier(uint32_t number, std::initializer_list<uint32_t> warps, bool with_exited = true) {
    for (uint32_t warp : warps) races.arrive(number, warp);
    races.complete(number, with_exited);
    for (uint32_t warp : warps) races.leave(number, warp);
  }

  SharedRaces races;
  static constexpr std::nullopt_t none = std::nullopt;
};

TEST_F(Races, of_two_warps_have_three_kinds) {
  EXPECT_EQ(write(0), none);
  EXPECT_EQ(read(1), Hazard::read_after_write);
  EXPECT_EQ(write(1, 0, 8), none);
  EXPECT_EQ(write(2, 0, 8), Hazard::write_after_write);
  EXPECT_EQ(read(1, 0, 16), none);
  EXPECT_EQ(write(3, 0, 16), Hazard::write_after_read);
  EXPECT_EQ(read(0, 0, 32), none);
  EXPECT_EQ(read(1, 0, 32), none);  // readers do not disturb each other
}

TEST_F(Races, are_of_bytes_not_of_words) {
  EXPECT_EQ(touch(0, 0, true, 0, false, nullptr, 1), none);
  EXPECT_EQ(touch(1, 0, true, 1, false, nullptr, 1), none);
  EXPECT_EQ(touch(2, 0, false, 1, false, nullptr, 2), Hazard::read_after_write);
}

TEST_F(Races, a_barrier_orders) {
  write(0), write(1, 0, 4);
  barrier(0, {0, 1, 2, 3});
  EXPECT_EQ(read(1), none);
  EXPECT_EQ(read(0, 0, 4), none);
  EXPECT_EQ(write(1), none);  // what it read itself
  EXPECT_EQ(read(2), Hazard::read_after_write);
}

TEST_F(Races, a_barrier_orders_those_that_meet_at_it) {
  write(0);
  barrier(1, {0, 1}, false);
  EXPECT_EQ(read(1), none);
  EXPECT_EQ(read(2), Hazard::read_after_write);
}

// The warp that left first has done something and waits again, when the last one leaves the same barrier.
TEST_F(Races, what_comes_after_a_barrier_is_not_ordered_by_it) {
  for (uint32_t warp : {0u, 1u}) races.arrive(0, warp);
  races.complete(0, true);
  races.leave(0, 0);
  write(0);
  races.arrive(0, 0);
  races.leave(0, 1);
  EXPECT_EQ(read(1), Hazard::read_after_write);
}

TEST_F(Races, a_warp_that_ended_has_arrived) {
  write(3);
  races.exit(3);
  barrier(0, {0, 1, 2});
  EXPECT_EQ(read(0), none);
}

TEST_F(Races, lanes_of_a_warp_meet_at_its_own_barrier) {
  write(0, 1);
  EXPECT_EQ(read(0, 1), none);
  EXPECT_EQ(read(0, 2), Hazard::read_after_write);
  write(0, 1, 4);
  races.meet(0, 0b110);
  EXPECT_EQ(read(0, 2, 4), none);
  EXPECT_EQ(read(0, 3, 4), Hazard::read_after_write);  // was not there
}

TEST_F(Races, a_word_that_a_whole_warp_read_is_not_one_lane_s) {
  EXPECT_EQ(touch(0, 0, false), none);
  EXPECT_EQ(again(0, 1, false), none);
  EXPECT_EQ(write(0, 0), Hazard::write_after_read);
}

TEST_F(Races, lanes_that_write_at_once_race_unless_they_write_the_same) {
  const uint32_t one = 1, two = 2;
  EXPECT_EQ(touch(0, 0, true, 0, false, &one), none);
  EXPECT_EQ(again(0, 1, true, 0, false, &one), none);
  EXPECT_EQ(again(0, 2, true, 0, false, &two), Hazard::write_after_write);
  EXPECT_EQ(touch(0, several, true, 8, false, &one), none);
  EXPECT_EQ(touch(1, several, true, 8, false, &one), none);
  EXPECT_EQ(touch(1, several, true, 8, false, &two), Hazard::write_after_write);
}

TEST_F(Races, a_matrix_instruction_is_the_whole_warp_s) {
  EXPECT_EQ(write(0, 5), none);
  EXPECT_EQ(touch(0, whole, false), none);
  EXPECT_EQ(touch(1, whole, false), Hazard::read_after_write);
}

TEST_F(Races, strong_accesses_do_not_race_but_order) {
  EXPECT_EQ(write(0, 0, 64), none);
  EXPECT_EQ(touch(0, 0, true, 0, true), none);  // a flag
  EXPECT_EQ(touch(1, 0, true, 0, true), none);
  EXPECT_EQ(read(1, 0, 64), none);
  EXPECT_EQ(read(2, 0, 0), Hazard::read_after_write);
}

TEST_F(Races, another_block_begins_anew) {
  write(0);
  races.begin(256, 4);
  EXPECT_EQ(read(1), none);
}

TEST_F(Races, name_who_came_before) {
  write(2, 9);
  races.next_instruction(1);
  auto found = races.touch({1, 3, 3, 11, true, false, false}, 0, 4, nullptr);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->warp, 2u);
  EXPECT_EQ(found->lane, 9u);
  EXPECT_EQ(found->place, 7u);
}

}  // namespace
