// Shared memory as a link: bytes both ways, a peer that dies, a peer that lies.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "link/handover.h"
#include "link/link.h"
#include "link/memory.h"

namespace {

struct Pair {
  Pair() {
    int sockets[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    auto made = links::Rings::create();
    EXPECT_TRUE(made.ok());
    auto seen = links::Rings::adopt(base::Fd(dup(made.value().descriptor())));
    EXPECT_TRUE(seen.ok());
    control = &made.value().side(links::Rings::client);
    worker = links::Link(
        std::make_unique<links::Memory>(std::move(made.value()), base::Fd(sockets[0]), links::Rings::worker));
    client = links::Link(
        std::make_unique<links::Memory>(std::move(seen.value()), base::Fd(sockets[1]), links::Rings::client));
  }
  links::RingSide* control;  // what the client says of itself
  links::Link worker, client;
};

std::vector<std::byte> pattern(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

TEST(Memory, MovesMoreThanARingHolds) {
  Pair pair;
  auto sent = pattern(3 * links::Rings::size + 12345);
  std::vector<std::byte> got(sent.size());
  std::thread writer([&] {
    iovec pieces[] = {{sent.data(), 5}, {sent.data() + 5, sent.size() - 5}};
    EXPECT_TRUE(pair.client.write_all(pieces));
  });
  links::Input input(pair.worker);
  EXPECT_TRUE(input.read(got.data(), 7));
  EXPECT_TRUE(input.read(got.data() + 7, got.size() - 7));
  writer.join();
  EXPECT_EQ(sent, got);
}

TEST(Memory, ASleepingReaderIsWoken) {
  Pair pair;
  std::thread writer([&] {
    usleep(300000);
    char byte = 42;
    iovec piece[] = {{&byte, 1}};
    EXPECT_TRUE(pair.client.write_all(piece));
  });
  char byte = 0;
  EXPECT_EQ(pair.worker.read_some(&byte, 1), 1);
  EXPECT_EQ(byte, 42);
  writer.join();
}

TEST(Memory, BulkIsReadWhereItLies) {
  Pair pair;
  auto sent = pattern(size_t{256} << 10);
  for (int round = 0; round < 20; ++round) {
    iovec piece[] = {{sent.data(), sent.size()}};
    ASSERT_TRUE(pair.client.write_all(piece));
    std::span<std::byte> seen = pair.worker.channel().view(sent.size());
    ASSERT_EQ(seen.size(), sent.size());
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), sent.begin()));
    pair.worker.channel().release(seen.size());
  }
  EXPECT_TRUE(pair.worker.channel().view(links::Rings::size).empty());
}

TEST(Memory, WhatADeadPeerHasWrittenIsStillRead) {
  Pair pair;
  char bytes[] = "last words", got[sizeof bytes];
  iovec piece[] = {{bytes, sizeof bytes}};
  ASSERT_TRUE(pair.client.write_all(piece));
  pair.client = {};
  links::Input input(pair.worker);
  EXPECT_TRUE(input.read(got, sizeof got));
  EXPECT_STREQ(got, bytes);
  EXPECT_EQ(pair.worker.read_some(got, 1), 0);
  std::vector<char> much(2 * links::Rings::size);
  iovec pieces[] = {{much.data(), much.size()}};
  EXPECT_FALSE(pair.worker.write_all(pieces)) << "nobody makes room any more";
}

TEST(Memory, ImpossiblePositionsEndTheLink) {
  for (uint64_t lie : {uint64_t{links::Rings::size + 1}, uint64_t{1} << 63}) {
    Pair pair;
    char byte;
    pair.control->written = lie;
    EXPECT_LT(pair.worker.read_some(&byte, 1), 0) << lie;
    EXPECT_TRUE(pair.worker.channel().view(64 << 10).empty());
    pair.control->read = lie;
    std::vector<char> much(links::Rings::size);  // small writes need no look at where the peer is
    iovec piece[] = {{much.data(), much.size()}};
    EXPECT_FALSE(pair.worker.write_all(piece)) << lie;
  }
}

TEST(Memory, RefusesMemoryThatCouldShrink) {
  base::Fd open(memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(open.get(), static_cast<off_t>(4096 + 2 * links::Rings::size)), 0);
  EXPECT_FALSE(links::Rings::adopt(std::move(open)).ok());
  auto other = links::sealed_memory("test", 8192);
  ASSERT_TRUE(other.ok());
  EXPECT_LT(ftruncate(other.value().get(), 0), 0);
  EXPECT_FALSE(links::Rings::adopt(std::move(other.value())).ok());
}

TEST(Handover, DescriptorsComeWithTheFirstByte) {
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  base::Fd left(sockets[0]), right(sockets[1]);
  char text[] = "here", got[sizeof text];
  iovec piece[] = {{text, sizeof text}};
  const int descriptors[] = {0, 1};
  ASSERT_TRUE(links::send_with(left.get(), piece, descriptors));
  std::vector<base::Fd> received;
  EXPECT_EQ(links::receive_with(right.get(), got, sizeof got, received), static_cast<ssize_t>(sizeof got));
  EXPECT_EQ(received.size(), 2u);
}

}  // namespace
