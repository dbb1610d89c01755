// A bit for each byte that was written.
#include "device/software/check/written.h"

#include <gtest/gtest.h>

#include "api/window.h"

namespace {

using software::WrittenMemory;
using software::WrittenShared;

constexpr uint64_t base = api::window_base;

TEST(written, tells_every_byte) {
  WrittenShared shared;
  shared.begin(300);
  shared.set(63, 2);
  for (uint64_t i = 0; i < 300; ++i) EXPECT_EQ(shared.all(i, 1), i == 63 || i == 64) << i;
  EXPECT_TRUE(shared.all(63, 2));
  EXPECT_FALSE(shared.all(62, 2));
  EXPECT_FALSE(shared.all(64, 2));
  shared.set(0, 300);
  EXPECT_TRUE(shared.all(0, 300));
  shared.begin(300);
  EXPECT_FALSE(shared.all(299, 1));
}

TEST(written, of_device_memory_can_be_taken_back) {
  WrittenMemory memory;
  ASSERT_TRUE(memory.works());
  EXPECT_FALSE(memory.all(base, 1));
  memory.set(base + 100, 1000);
  EXPECT_TRUE(memory.all(base + 100, 1000));
  EXPECT_FALSE(memory.all(base + 99, 2));
  EXPECT_FALSE(memory.all(base + 1099, 2));
  memory.clear(base + 500, 1);
  EXPECT_FALSE(memory.all(base + 100, 1000));
  EXPECT_TRUE(memory.all(base + 501, 599));
}

TEST(written, outside_of_the_window_all_counts_as_written) {
  WrittenMemory memory;
  memory.set(0, 1);
  memory.clear(~uint64_t{0} - 8, 8);
  memory.clear(base - 8, 16);
  EXPECT_TRUE(memory.all(4096, 8));
  EXPECT_TRUE(memory.all(base - 8, 16));
  EXPECT_TRUE(memory.all(base + api::device_area_size, 8));
  EXPECT_FALSE(memory.all(base + api::device_area_size - 8, 8));
}

TEST(written, travels_with_copies) {
  WrittenMemory memory;
  memory.set(base + 8, 4);
  memory.set(base + 1000, 16);
  memory.copy(base + 1001, base + 6, 8);  // 2 unwritten, 4 written, 2 unwritten
  EXPECT_TRUE(memory.all(base + 1000, 1));
  EXPECT_FALSE(memory.all(base + 1001, 1));
  EXPECT_TRUE(memory.all(base + 1003, 4));
  EXPECT_FALSE(memory.all(base + 1007, 1));
  EXPECT_TRUE(memory.all(base + 1009, 7));
  memory.copy(base + 1001, 0x1000, 8);  // from the host
  EXPECT_TRUE(memory.all(base + 1000, 16));
}

}  // namespace
