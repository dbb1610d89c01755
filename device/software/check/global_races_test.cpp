// What orders the accesses of two blocks to global memory, and what does not.
#include "device/software/check/global_races.h"

#include <gtest/gtest.h>

namespace {

using software::GlobalRaces;
using software::Hazard;
using software::SharedRaces;

constexpr uint64_t place = 0x7e8000001000;

struct Between : testing::Test {
  struct One {
    SharedRaces own;
    GlobalRaces::Block block;
  };

  Between() {
    for (uint32_t i = 0; i < 3; ++i) blocks[i].own.begin(0, 4), blocks[i].block.number = i + 1;
  }

  std::optional<Hazard> touch(uint32_t block, uint32_t warp, bool reads, bool writes, bool strong, uint64_t address,
                              uint32_t bytes = 4, const uint32_t* value = nullptr) {
    One& one = blocks[block];
    one.own.next_instruction(warp);
    races.next_access(one.block);
    auto found = races.touch(one.block, one.own, {warp, 0, 0, 7, reads, writes, strong}, address, bytes,
                             reinterpret_cast<const uint8_t*>(value));
    if (strong && reads) one.block.acquiring = true;
    if (!found) return std::nullopt;
    before = found->block;
    return found->hazard;
  }
  std::optional<Hazard> read(uint32_t block, uint64_t address = place) {
    return touch(block, 0, true, false, false, address);
  }
  std::optional<Hazard> write(uint32_t block, uint64_t address = place, const uint32_t* value = nullptr) {
    return touch(block, 0, false, true, false, address, 4, value);
  }
  std::optional<Hazard> add(uint32_t block, uint64_t address) { return touch(block, 0, true, true, true, address); }
  std::optional<Hazard> look(uint32_t block, uint64_t address) { return touch(block, 0, true, false, true, address); }
  void fence(uint32_t block) { races.next_access(blocks[block].block), races.release(blocks[block].block); }

  GlobalRaces races;
  One blocks[3];
  uint32_t before = 0;
  static constexpr std::nullopt_t none = std::nullopt;
};

TEST_F(Between, blocks_there_are_three_kinds) {
  EXPECT_EQ(write(0), none);
  EXPECT_EQ(read(0), none);
  EXPECT_EQ(read(1), Hazard::read_after_write);
  EXPECT_EQ(before, 1u);
  EXPECT_EQ(write(0, place + 4), none);
  EXPECT_EQ(write(2, place + 4), Hazard::write_after_write);
  EXPECT_EQ(read(0, place + 8), none);
  EXPECT_EQ(read(1, place + 8), none);
  EXPECT_EQ(write(2, place + 8), Hazard::write_after_read);
}

TEST_F(Between, blocks_bytes_count_and_the_same_value_is_no_race) {
  const uint32_t one = 1, two = 2;
  EXPECT_EQ(touch(0, 0, false, true, false, place, 1), none);
  EXPECT_EQ(touch(1, 0, false, true, false, place + 1, 1), none);
  EXPECT_EQ(write(0, place + 4, &one), none);
  EXPECT_EQ(write(1, place + 4, &one), none);
  EXPECT_EQ(write(2, place + 4, &two), Hazard::write_after_write);
}

TEST_F(Between, warps_of_a_block_as_in_shared_memory) {
  EXPECT_EQ(touch(0, 0, false, true, false, place), none);
  EXPECT_EQ(touch(0, 1, true, false, false, place), Hazard::read_after_write);
  EXPECT_EQ(touch(0, 0, false, true, false, place + 4), none);
  for (uint32_t warp : {0u, 1u}) blocks[0].own.arrive(0, warp);
  blocks[0].own.complete(0, true);
  for (uint32_t warp : {0u, 1u}) blocks[0].own.leave(0, warp);
  EXPECT_EQ(touch(0, 1, true, false, false, place + 4), none);
}

// Each block adds itself when its part is there; the last one reads all, and sets the counter to zero again.
TEST_F(Between, blocks_the_last_one_may_read_all) {
  for (uint32_t block : {0u, 1u, 2u}) {
    EXPECT_EQ(write(block, place + 4 * block), none);
    fence(block);
    EXPECT_EQ(add(block, place + 64), none);
  }
  for (uint32_t block : {0u, 1u}) EXPECT_EQ(read(2, place + 4 * block), none);
  EXPECT_EQ(write(2, place + 64), none);
}

TEST_F(Between, blocks_an_atomic_without_a_fence_passes_nothing_on) {
  write(0);
  add(0, place + 64);
  add(1, place + 64);
  EXPECT_EQ(read(1), Hazard::read_after_write);
}

TEST_F(Between, blocks_a_fence_behind_the_write_is_what_counts) {
  fence(0);
  write(0);
  look(1, place + 64);
  EXPECT_EQ(read(1), Hazard::read_after_write);
}

TEST_F(Between, blocks_what_is_released_too_late_is_not_acquired) {
  write(0);
  look(1, place + 64);
  EXPECT_EQ(read(1, place + 128), none);  // the look is over
  fence(0);
  EXPECT_EQ(read(1), Hazard::read_after_write);
}

// The value comes after whoever asks for it has said so.
TEST_F(Between, blocks_a_fence_while_another_looks_is_seen) {
  write(0);
  look(1, place + 64);
  fence(0);
  EXPECT_EQ(read(1), none);
}

TEST_F(Between, blocks_a_chain_of_blocks_passes_on) {
  write(0), fence(0), add(0, place + 64);
  look(1, place + 64), fence(1), add(1, place + 72);
  look(2, place + 72);
  EXPECT_EQ(read(2), none);
}

TEST_F(Between, blocks_memory_that_is_given_anew_is_forgotten) {
  write(0), write(0, place + 8188);
  races.forget(place, 8192);
  EXPECT_EQ(read(1), none);
  EXPECT_EQ(read(1, place + 8188), none);
}

}  // namespace
