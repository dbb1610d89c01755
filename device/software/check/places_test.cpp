// Where kernels may go, to the byte, and how an address beside it is called.
#include "device/software/check/places.h"

#include <gtest/gtest.h>

#include <set>

#include "api/window.h"
#include "device/software/run/complaint.h"
#include "device/software/run/heap.h"

namespace {

using software::Job;
using software::Memory;
using software::MemoryKind;
using software::MemoryRange;
using software::Places;

constexpr uint64_t gap = Memory::granule;

struct PlacesTest : testing::Test {
  PlacesTest() : memory(std::move(Memory::reserve(uint64_t{1} << 30).value())), places(*memory) {
    memory->keep_apart(gap);
  }
  uint64_t allocate(uint64_t size, MemoryKind kind = MemoryKind::device) {
    return memory->allocate(size, kind, nullptr);
  }
  bool has(uint64_t address) { return places.find(address, job).has_value(); }
  std::string name(uint64_t address, uint64_t bytes = 4) { return places.describe(address, bytes, &job); }

  std::unique_ptr<Memory> memory;
  Places places;
  Job job;
};

TEST_F(PlacesTest, allocations_end_where_they_end) {
  uint64_t one = allocate(512), other = allocate(100);
  EXPECT_EQ(other, one + 512 + gap);  // nobody's memory lies between them
  for (uint64_t address : {one, one + 511, other, other + 99}) EXPECT_TRUE(has(address));
  for (uint64_t address : {one - 1, one + 512, other - 1, other + 100}) EXPECT_FALSE(has(address));
  MemoryRange found = places.find(other + 7, job).value();
  EXPECT_EQ(found.begin, other);
  EXPECT_EQ(found.end, other + 100);
  EXPECT_TRUE(found.tracked);
}

TEST_F(PlacesTest, are_called_by_what_lies_near) {
  uint64_t one = allocate(512);
  const std::string which = " the allocation of 512 bytes at " + software::hexadecimal(one);
  EXPECT_EQ(name(one + 512), "0 bytes behind" + which);
  EXPECT_EQ(name(one + 520), "8 bytes behind" + which);
  EXPECT_EQ(name(one - 1), "1 byte before" + which);
  EXPECT_EQ(name(one + 508, 8), "4 bytes over the end of" + which);
  EXPECT_EQ(name(one + 3), "byte 3 of" + which);
  EXPECT_EQ(name(0), "a null pointer");
  EXPECT_EQ(name(one + (uint64_t{8} << 30)), "nothing is allocated near it");
  EXPECT_EQ(name(0x10000), "no device memory, and no host memory that is shared with the device");
}

TEST_F(PlacesTest, freed_memory_stays_known_and_is_not_given_again) {
  uint64_t one = allocate(1000);
  uint64_t before = memory->changes();
  ASSERT_TRUE(memory->free(one));
  EXPECT_NE(memory->changes(), before);
  EXPECT_FALSE(has(one));
  EXPECT_NE(allocate(1000), one);
  EXPECT_EQ(name(one + 999),
            "byte 999 of an allocation of 1000 bytes at " + software::hexadecimal(one) + " that was freed");
  EXPECT_FALSE(memory->free(one));
}

TEST_F(PlacesTest, freed_memory_is_given_again_rather_than_none) {
  std::set<uint64_t> all;
  uint64_t last = 0;
  for (int i = 0; i < 5000; ++i) {
    uint64_t address = allocate(512);
    ASSERT_NE(address, 0u);
    all.insert(last = address);
    memory->free(address);
  }
  EXPECT_GT(all.size(), 4000u);
  EXPECT_LT(all.size(), 5000u);
  EXPECT_TRUE(memory->find_freed(last));
  EXPECT_EQ(memory->used(), 0u);
}

TEST_F(PlacesTest, variables_of_a_module_are_told_apart) {
  uint64_t module = allocate(256, MemoryKind::module);
  places.add_variable("first", module, 20);
  places.add_variable("second", module + 32, 8);
  EXPECT_TRUE(has(module + 19));
  EXPECT_FALSE(has(module + 20));
  EXPECT_TRUE(has(module + 32));
  EXPECT_FALSE(has(module + 40));
  EXPECT_EQ(name(module + 20), "0 bytes behind the variable first of 20 bytes at " + software::hexadecimal(module));
  places.add_variable("another_module_s", module + 16, 24);
  EXPECT_FALSE(has(module));
  EXPECT_TRUE(has(module + 39));
}

TEST_F(PlacesTest, what_malloc_gave_is_a_place_of_its_own) {
  software::Heap heap(*memory, nullptr, 1 << 20);
  job.heap = &heap;
  auto given = reinterpret_cast<uint64_t>(heap.allocate(20));
  EXPECT_TRUE(has(given + 19));
  EXPECT_FALSE(has(given + 20));
  EXPECT_EQ(name(given + 20), "0 bytes behind what malloc gave of 20 bytes at " + software::hexadecimal(given));
  heap.free(reinterpret_cast<void*>(given));
  EXPECT_FALSE(has(given));
}

TEST_F(PlacesTest, host_memory_counts_while_it_is_shared) {
  places.add_host(0x10000, 100);
  EXPECT_TRUE(has(0x10000 + 99));
  EXPECT_FALSE(has(0x10000 + 100));
  EXPECT_FALSE(places.find(0x10000, job)->tracked);
  places.remove_host(0x10000);
  EXPECT_FALSE(has(0x10000));
}

}  // namespace
