// The device's memory: placement, limits, and that what is not allocated cannot be touched.
#include "device/software/run/window.h"

#include <gtest/gtest.h>

#include <cstring>

#include "api/window.h"

namespace software {
namespace {

constexpr uint64_t mebibyte = uint64_t{1} << 20;

struct WindowTest : testing::Test {
  WindowTest() : memory(std::move(Memory::reserve(64 * mebibyte).value())) {}
  std::unique_ptr<Memory> memory;
  uint64_t allocate(uint64_t size, const void* owner = nullptr) {
    return memory->allocate(size, MemoryKind::device, owner);
  }
};

TEST(FreeListTest, FirstFitAndCoalescing) {
  FreeList list(0x1000, 0x5000);
  uint64_t a = list.take(0x1000, 512), b = list.take(0x1000, 512), c = list.take(0x2000, 512);
  EXPECT_EQ(a, 0x1000u);
  EXPECT_EQ(b, 0x2000u);
  EXPECT_EQ(c, 0x3000u);
  EXPECT_EQ(list.take(1, 1), 0u);
  list.give(a, a + 0x1000);
  auto [begin, end] = list.give(b, b + 0x1000);
  EXPECT_EQ(begin, 0x1000u);
  EXPECT_EQ(end, 0x3000u);
  EXPECT_EQ(list.take(0x2000, 0x1000), 0x1000u);
}

TEST_F(WindowTest, AddressesLieInTheWindowAndAreAligned) {
  for (uint64_t size : {uint64_t{1}, uint64_t{513}, 3 * mebibyte}) {
    uint64_t address = allocate(size);
    EXPECT_TRUE(api::in_window(address));
    EXPECT_EQ(address % 512, 0u);
    std::memset(reinterpret_cast<void*>(address), 1, size);
  }
}

TEST_F(WindowTest, NoMoreThanTheLimit) {
  EXPECT_EQ(allocate(65 * mebibyte), 0u);
  uint64_t most = allocate(60 * mebibyte);
  EXPECT_NE(most, 0u);
  EXPECT_EQ(allocate(5 * mebibyte), 0u);
  EXPECT_TRUE(memory->free(most));
  EXPECT_EQ(memory->used(), 0u);
  EXPECT_NE(allocate(5 * mebibyte), 0u);
}

TEST_F(WindowTest, OnlyStartsCanBeFreed) {
  uint64_t address = allocate(4096);
  EXPECT_FALSE(memory->free(address + 512));
  EXPECT_TRUE(memory->free(address));
  EXPECT_FALSE(memory->free(address));
}

TEST_F(WindowTest, CoversWithinOneAllocation) {
  uint64_t a = allocate(1000), b = allocate(1000);
  EXPECT_TRUE(memory->covers(a, 1000));
  EXPECT_TRUE(memory->covers(a + 999, 1));
  EXPECT_FALSE(memory->covers(a, 1001));
  EXPECT_FALSE(memory->covers(a + 1000, 1));
  EXPECT_FALSE(memory->covers(a + 500, UINT64_MAX));
  EXPECT_EQ(memory->find(b + 7)->address, b);
}

TEST_F(WindowTest, NeighboursOnAPageSurviveAFree) {
  uint64_t a = allocate(512), b = allocate(512), c = allocate(512);
  std::memset(reinterpret_cast<void*>(b), 7, 512);
  memory->free(a);
  memory->free(c);
  EXPECT_EQ(*reinterpret_cast<unsigned char*>(b), 7);
}

TEST_F(WindowTest, FreeAllTakesOneOwnersOnly) {
  int owner = 0, other = 0;
  allocate(100, &owner);
  uint64_t kept = allocate(100, &other);
  allocate(100, &owner);
  memory->free_all(&owner);
  EXPECT_EQ(memory->used(), 512u);
  EXPECT_TRUE(memory->covers(kept, 100));
}

using WindowDeathTest = WindowTest;
TEST_F(WindowDeathTest, FreedPagesFault) {
  uint64_t address = allocate(3 * mebibyte);
  auto* byte = reinterpret_cast<volatile char*>(address + mebibyte);
  *byte = 1;
  memory->free(address);
  EXPECT_DEATH(*byte = 2, "");
}

}  // namespace
}  // namespace software
