// Connections that break, between two ends in this process; the whole with programs is in tests/links.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <numeric>
#include <thread>

#include "link/descriptors.h"
#include "link/link.h"
#include "link/resumable.h"

namespace {

using links::Resumable;
using namespace std::chrono_literals;

struct Ends {
  std::unique_ptr<links::Channel> left, right;
  Ends() {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    left = std::make_unique<links::Descriptors>(base::Fd(pair[0]));
    right = std::make_unique<links::Descriptors>(base::Fd(pair[1]));
  }
};

std::vector<std::byte> pattern(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 13 + i / 509);
  return bytes;
}

TEST(Resumable, MovesMoreThanItKeeps) {
  Ends ends;
  links::Link left(std::make_unique<Resumable>(std::move(ends.left), 1s));
  links::Link right(std::make_unique<Resumable>(std::move(ends.right), 1s));
  auto sent = pattern(3 * Resumable::window + 999);
  std::vector<std::byte> got(sent.size());
  std::thread writer([&] {
    iovec piece[] = {{sent.data(), sent.size()}};
    EXPECT_TRUE(left.write_all(piece));
  });
  links::Input input(right);
  EXPECT_TRUE(input.read(got.data(), got.size()));
  writer.join();
  EXPECT_EQ(sent, got);
}

TEST(Resumable, SeveralSmallReadsOfWhatCameAtOnce) {
  Ends ends;
  links::Link left(std::make_unique<Resumable>(std::move(ends.left), 1s));
  links::Link right(std::make_unique<Resumable>(std::move(ends.right), 1s));
  auto sent = pattern(24);
  iovec piece[] = {{sent.data(), sent.size()}};
  ASSERT_TRUE(left.write_all(piece));
  std::vector<std::byte> got(sent.size());
  for (size_t at = 0; at < sent.size(); at += 8) {
    EXPECT_TRUE(right.channel().wait(true, false, 1000).reading) << "no poll shows what was read ahead";
    ASSERT_TRUE(right.read_all(got.data() + at, 8, 1000));
  }
  EXPECT_EQ(sent, got);
}

TEST(Resumable, GoesOnAtTheByteWhereItBroke) {
  Ends ends;
  auto left = std::make_unique<Resumable>(std::move(ends.left), 10s);
  auto right = std::make_unique<Resumable>(std::move(ends.right), 10s);
  Resumable &one = *left, &other = *right;
  links::Link writing(std::move(left)), reading(std::move(right));
  auto sent = pattern(size_t{6} << 20);
  std::vector<std::byte> got(sent.size());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    iovec piece[] = {{sent.data(), sent.size()}};
    EXPECT_TRUE(writing.write_all(piece));
  });
  std::thread reader([&] {
    links::Input input(reading);
    EXPECT_TRUE(input.read(got.data(), got.size()));
    done = true;
  });
  for (int i = 0; i < 20 && !done; ++i) {
    usleep(1000);
    Ends fresh;
    uint64_t theirs = 0;
    // Whoever is asked first has to know what the other one has: as a client would, one end asks through the other.
    EXPECT_TRUE(other.resume([&](uint64_t received, std::string&) -> std::optional<Resumable::Return> {
      EXPECT_TRUE(one.resume([&](uint64_t ours, std::string&) {
        theirs = ours;
        return std::optional<Resumable::Return>({std::move(fresh.left), received});
      }));
      return Resumable::Return{std::move(fresh.right), theirs};
    }));
  }
  writer.join();
  reader.join();
  EXPECT_EQ(sent, got);
}

TEST(Resumable, EndsWhenNobodyComesBack) {
  Ends ends;
  links::Link left(std::make_unique<Resumable>(std::move(ends.left), 200ms));
  ends.right.reset();
  char byte;
  EXPECT_EQ(left.read_some(&byte, 1), 0);
  EXPECT_NE(left.channel().reason().find("did not come back"), std::string::npos);
  iovec piece[] = {{&byte, 1}};
  EXPECT_FALSE(left.write_all(piece));
}

TEST(Resumable, AFarewellIsNotWaitedFor) {
  Ends ends;
  links::Link left(std::make_unique<Resumable>(std::move(ends.left), 60s));
  auto right = std::make_unique<Resumable>(std::move(ends.right), 60s);
  right->farewell();
  right.reset();
  char byte;
  EXPECT_EQ(left.read_some(&byte, 1), 0);
}

// Records that are too long, of no kind, or that acknowledge what was never sent.
TEST(Resumable, ForgedRecordsEndTheLink) {
  struct Record {
    uint32_t size, kind;
    uint64_t consumed;
  };
  for (Record forged : {Record{1u << 30, 1, 0}, Record{0, 9, 0}, Record{8, 2, 0}, Record{0, 2, 1}, Record{8, 3, 0},
                        Record{0, 1, ~uint64_t{0}}}) {
    Ends ends;
    links::Link left(std::make_unique<Resumable>(std::move(ends.left), 60s));
    iovec piece[] = {{&forged, sizeof forged}};
    ASSERT_EQ(ends.right->write_now(piece), static_cast<ssize_t>(sizeof forged));
    char byte;
    EXPECT_EQ(left.read_some(&byte, 1), 0) << forged.kind;
    EXPECT_NE(left.channel().reason().find("broke the protocol"), std::string::npos);
  }
}

}  // namespace
