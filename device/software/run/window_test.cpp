// The device's memory: placement, limits, and that what is not allocated cannot be touched.
#include "device/software/run/window.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "api/window.h"

namespace software {
namespace {

constexpr uint64_t mebibyte = uint64_t{1} << 20;

struct WindowTest : testing::Test {
  WindowTest() : memory(std::move(Memory::reserve(64 * mebibyte).value())) {}
  std::unique_ptr<Memory> memory;
  uint64_t allocate(uint64_t size, const MemoryOwner* owner = nullptr) {
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
  MemoryOwner owner, other;
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

TEST_F(WindowTest, ranges_are_reserved_mapped_and_given_back) {
  constexpr uint64_t piece = 2 * mebibyte;
  auto file = base::SharedMemory::create(2 * piece);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(memory->reserve_range(4096, 4096), 0u);  // no multiple of 2 MiB
  uint64_t range = memory->reserve_range(3 * piece, piece);
  ASSERT_NE(range, 0u);
  EXPECT_EQ(memory->reserve_range(piece, piece, range) == range, false);
  EXPECT_FALSE(memory->covers(range, 1));
  ASSERT_TRUE(memory->map(range, piece, file.value().descriptor(), piece, 0));
  EXPECT_FALSE(memory->map(range, piece, file.value().descriptor(), 0, 0));
  EXPECT_FALSE(memory->map(range + 2 * piece, 2 * piece, file.value().descriptor(), 0, 0));
  ASSERT_TRUE(memory->map(range + piece, piece, file.value().descriptor(), 0, 0));
  EXPECT_FALSE(memory->covers(range, piece));  // mapped, but nobody may read
  ASSERT_TRUE(memory->protect(range, 2 * piece, true, true));
  EXPECT_TRUE(memory->covers(range + 5, 2 * piece - 5));
  EXPECT_FALSE(memory->covers(range + 5, 2 * piece));
  *reinterpret_cast<uint32_t*>(range) = 77;
  uint32_t seen = 0;
  ASSERT_EQ(pread(file.value().descriptor(), &seen, sizeof seen, static_cast<off_t>(piece)), 4);
  EXPECT_EQ(seen, 77u);
  EXPECT_FALSE(memory->release_range(range, 3 * piece));
  EXPECT_FALSE(memory->unmap(range, piece / 2));
  EXPECT_FALSE(memory->free(range));
  ASSERT_TRUE(memory->unmap(range, 2 * piece));
  EXPECT_FALSE(memory->release_range(range, piece));
  EXPECT_TRUE(memory->release_range(range, 3 * piece));
}

TEST_F(WindowTest, an_allocation_becomes_shared_in_place) {
  uint64_t before = allocate(1000), shared = allocate(5000), after = allocate(700);
  auto* bytes = reinterpret_cast<uint8_t*>(shared);
  for (int i = 0; i < 5000; ++i) bytes[i] = static_cast<uint8_t>(i);
  *reinterpret_cast<uint8_t*>(before) = 1;
  *reinterpret_cast<uint8_t*>(after) = 2;
  auto where = memory->share(shared + 17);
  ASSERT_TRUE(where.has_value());
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(bytes[i], static_cast<uint8_t>(i));
  EXPECT_EQ(*reinterpret_cast<uint8_t*>(before), 1);
  EXPECT_EQ(*reinterpret_cast<uint8_t*>(after), 2);
  auto opened = base::SharedMemory::open(where->token);
  ASSERT_TRUE(opened.ok());
  ASSERT_EQ(pwrite(opened.value().descriptor(), "!", 1, static_cast<off_t>(where->offset)), 1);
  EXPECT_EQ(bytes[0], '!');
  auto again = memory->share(after);  // of the same block
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->offset - where->offset, after - shared);
  EXPECT_TRUE(memory->free(shared));
  EXPECT_TRUE(memory->free(before));
  EXPECT_TRUE(memory->free(after));
}

TEST(Memory, each_device_has_its_limit) {
  auto memory = std::move(Memory::reserve(10 * mebibyte, 2).value());
  MemoryOwner second{1};
  EXPECT_NE(memory->allocate(8 * mebibyte, MemoryKind::device, nullptr), 0u);
  EXPECT_EQ(memory->allocate(4 * mebibyte, MemoryKind::device, nullptr), 0u);
  EXPECT_NE(memory->allocate(8 * mebibyte, MemoryKind::device, &second), 0u);
  EXPECT_FALSE(memory->charge(1, 4 * mebibyte));
  EXPECT_TRUE(memory->charge(1, 2 * mebibyte));
  EXPECT_EQ(memory->used(1), 10 * mebibyte);
  memory->discharge(1, 2 * mebibyte);
  memory->free_all(&second);
  EXPECT_EQ(memory->used(1), 0u);
}

// --- leases

TEST_F(WindowTest, AnOwnerAllocatesWithinItsLease) {
  MemoryOwner owner;
  Memory::Lease lease;
  ASSERT_EQ(memory->lend(&owner, mebibyte, lease), Memory::Lent::yes);
  EXPECT_GE(lease.budget, mebibyte);
  EXPECT_EQ(memory->used(), 0u) << "what is lent is not used yet";
  ASSERT_TRUE(memory->allocate_at(lease.begin, 4096, &owner));
  std::memset(reinterpret_cast<void*>(lease.begin), 1, 4096);
  EXPECT_EQ(memory->used(), 4096u);
  EXPECT_TRUE(memory->covers(lease.begin, 4096));
  EXPECT_FALSE(memory->covers(lease.begin, 4097));
  EXPECT_FALSE(memory->allocate_at(lease.begin, 512, &owner)) << "in use";
  EXPECT_FALSE(memory->allocate_at(lease.begin + 8192 + 1, 512, &owner)) << "not aligned";
  EXPECT_FALSE(memory->allocate_at(lease.end, 512, &owner));
  EXPECT_FALSE(memory->allocate_at(lease.end - 512, 1024, &owner));
  EXPECT_FALSE(memory->allocate_at(lease.begin + mebibyte, lease.budget, &owner)) << "beyond the budget";
  EXPECT_FALSE(memory->allocate_at(lease.begin + mebibyte, ~uint64_t{0}, &owner));
  EXPECT_FALSE(memory->allocate_at(lease.begin + mebibyte, 512, nullptr)) << "another's";
  EXPECT_TRUE(memory->free(lease.begin));
  EXPECT_EQ(memory->used(), 0u);
  EXPECT_TRUE(memory->allocate_at(lease.begin, lease.budget, &owner)) << "freed memory is the owner's again";
}

TEST_F(WindowTest, FreedPagesOfALeaseFault) {
  MemoryOwner owner;
  Memory::Lease lease;
  ASSERT_EQ(memory->lend(&owner, mebibyte, lease), Memory::Lent::yes);
  ASSERT_TRUE(memory->allocate_at(lease.begin, 4096, &owner));
  ASSERT_TRUE(memory->allocate_at(lease.begin + 4096, 512, &owner));
  memory->free(lease.begin);
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(lease.begin) = 1, "");
  *reinterpret_cast<volatile char*>(lease.begin + 4096) = 1;
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(lease.begin + 8192) = 1, "");
}

// Two processes with one quota: what one has lent and nobody uses is not the other's, but comes back to it.
TEST_F(WindowTest, LeasesCountAgainstASharedQuotaUntilTheyAreSettled) {
  device::MemoryLedger ledger;
  ledger.limit = 64 * mebibyte;
  memory->obey(device::Quota({nullptr, &ledger, 0}));
  device::Quota other({nullptr, &ledger, 1});
  MemoryOwner owner;
  Memory::Lease lease;
  ASSERT_EQ(memory->lend(&owner, mebibyte, lease), Memory::Lent::yes);
  EXPECT_EQ(lease.budget, 5 * mebibyte) << "and a sixteenth of what is left";
  EXPECT_EQ(memory->used(), 0u);
  EXPECT_FALSE(other.take(60 * mebibyte));
  EXPECT_TRUE(other.take(59 * mebibyte));
  other.give(59 * mebibyte);
  ASSERT_TRUE(memory->allocate_at(lease.begin, 2 * mebibyte, &owner));
  EXPECT_EQ(memory->used(), 2 * mebibyte);
  EXPECT_EQ(other.used(), 2 * mebibyte);
  std::thread client([&] { memory->settle(&owner); });
  EXPECT_TRUE(other.wait_for(62 * mebibyte)) << "it waits for the rest of the loan";
  client.join();
  EXPECT_FALSE(other.take(62 * mebibyte + 512));
  EXPECT_TRUE(other.take(61 * mebibyte));
  EXPECT_FALSE(other.wait_for(2 * mebibyte)) << "nothing is lent";
  ASSERT_EQ(memory->lend(&owner, mebibyte, lease), Memory::Lent::yes);
  EXPECT_EQ(lease.budget, mebibyte) << "somebody waits for memory: no more than what is asked for";
  EXPECT_EQ(memory->lend(&owner, 2 * mebibyte, lease), Memory::Lent::no_memory);
  memory->free(lease.begin);
  EXPECT_EQ(memory->used(), 61 * mebibyte);
  memory->free_all(&owner);
  EXPECT_EQ(ledger.sum(), 61 * mebibyte);
  EXPECT_EQ(device::MemoryLedger::sum_of(ledger.lent), 0u);
}

TEST_F(WindowTest, LeasesCountAgainstTheLimit) {
  MemoryOwner owner;
  Memory::Lease lease;
  ASSERT_NE(allocate(32 * mebibyte), 0u);
  EXPECT_EQ(memory->lend(&owner, 33 * mebibyte, lease), Memory::Lent::no_memory);
  ASSERT_EQ(memory->lend(&owner, mebibyte, lease), Memory::Lent::yes);
  EXPECT_EQ(lease.budget, 16 * mebibyte) << "half of what is left";
  EXPECT_EQ(allocate(17 * mebibyte), 0u);
  ASSERT_EQ(memory->lend(&owner, 32 * mebibyte, lease), Memory::Lent::yes) << "all of it";
  EXPECT_EQ(lease.budget, 32 * mebibyte);
  EXPECT_EQ(memory->lend(&owner, 32 * mebibyte + 512, lease), Memory::Lent::no_memory);
  ASSERT_TRUE(memory->allocate_at(lease.begin, 2 * mebibyte, &owner));
  memory->settle(&owner);
  EXPECT_EQ(memory->used(), 34 * mebibyte);
  EXPECT_FALSE(memory->allocate_at(lease.begin + 4 * mebibyte, 512, &owner));
  EXPECT_NE(allocate(30 * mebibyte), 0u);
  memory->free_all(&owner);
  EXPECT_EQ(memory->used(), 62 * mebibyte);
  EXPECT_FALSE(memory->allocate_at(lease.begin, 512, &owner)) << "the lease ended with its owner";
  EXPECT_NE(allocate(2 * mebibyte), 0u);
}

TEST_F(WindowTest, NoLeasesWhereFreedMemoryIsKeptApart) {
  Memory::Lease lease;
  memory->keep_apart(4096);
  EXPECT_EQ(memory->lend(nullptr, 512, lease), Memory::Lent::no_addresses);
}

}  // namespace
}  // namespace software
