// Further connections for bulk, between two ends in this process; the whole with programs is in tests/links.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "link/descriptors.h"
#include "link/link.h"
#include "link/resumable.h"

namespace {

using links::Joining, links::LaneOptions, links::Resumable;
using namespace std::chrono_literals;
using Channel = std::unique_ptr<links::Channel>;

struct Ends {
  Channel near, far;
};

Ends make_pair() {
  int pair[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  return {std::make_unique<links::Descriptors>(base::Fd(pair[0])),
          std::make_unique<links::Descriptors>(base::Fd(pair[1]))};
}

std::vector<std::byte> pattern(size_t size, int seed) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 13 + i / 509 + static_cast<size_t>(seed));
  return bytes;
}

int descriptors() {
  int count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder)) ++count;
  closedir(folder);
  return count;
}

// A client and a server that meet without a network.
class Session {
 public:
  Session(size_t lanes, std::chrono::milliseconds patience = 10s) {
    auto [near, far] = make_pair();
    LaneOptions theirs{.most = lanes, .open = {}, .patience = patience};
    LaneOptions ours{.most = lanes, .open = {}, .patience = patience, .worth_opening = size_t{1} << 20};
    ours.open = [this](size_t number, Joining& answer) { return open(number, answer); };
    auto meet = [this](uint64_t received, std::string&) { return come_back(received); };
    first_ = near->descriptor();
    auto server = std::make_unique<Resumable>(std::move(far), 60s, Resumable::Meet{}, std::move(theirs));
    auto client = std::make_unique<Resumable>(std::move(near), 60s, meet, std::move(ours));
    server_ = server.get(), client_ = client.get();
    near_ = links::Link(std::move(client));
    far_ = links::Link(std::move(server));
  }
  ~Session() {
    client_ = nullptr;
    near_ = {};
    while (opening_) std::this_thread::sleep_for(1ms);
  }

  links::Link& near() { return near_; }
  links::Link& far() { return far_; }
  Resumable& server() { return *server_; }
  size_t connections() { return client_->connections(); }
  // Cuts the newest lane and nothing else; false: there is none.
  bool cut_lane() {
    std::lock_guard hold(lock_);
    if (lane_ < 0) return false;
    shutdown(std::exchange(lane_, -1), SHUT_RDWR);
    return ++cuts_, true;
  }
  int cuts() const { return cuts_; }
  int opened() const { return opened_; }
  bool silent = false;  // lanes whose other end is nobody

 private:
  Channel open(size_t number, Joining& answer) {
    ++opening_;
    Ends ends = make_pair();
    bool came = server_->join(number, [&](Joining said) -> Channel {
      answer = said;
      if (silent) std::swap(ends, nobody_.emplace_back(make_pair()));
      if (silent) std::swap(ends.near, nobody_.back().near);
      return said == Joining::welcome ? std::move(ends.far) : nullptr;
    });
    std::lock_guard hold(lock_);
    opened_ += came;
    lane_ = came ? ends.near->descriptor() : lane_;
    --opening_;
    return came ? std::move(ends.near) : nullptr;
  }
  std::optional<Resumable::Return> come_back(uint64_t received) {
    Ends ends = make_pair();
    std::lock_guard hold(lock_);
    lane_ = -1;
    uint64_t there = 0;
    bool good = server_->resume([&](uint64_t have, std::string&) {
      there = have;
      return std::optional<Resumable::Return>({std::move(ends.far), received});
    });
    if (!good) return {};
    return Resumable::Return{std::move(ends.near), there};
  }

  links::Link near_, far_;
  Resumable *client_ = nullptr, *server_ = nullptr;
  std::mutex lock_;
  std::vector<Ends> nobody_;
  std::atomic<int> opening_{0}, cuts_{0}, opened_{0};
  int first_ = -1, lane_ = -1;
};

// As one that waits for an answer, which mends what breaks.
void attend(links::Link& link, const std::atomic<bool>& done) {
  for (char none; !done; link.channel().wait(true, false, 1)) EXPECT_LT(link.channel().read_now(&none, 1), 0);
}

void move(links::Link& from, links::Link& to, const std::vector<std::byte>& sent) {
  std::vector<std::byte> got(sent.size());
  std::atomic<bool> all_read{false}, all_written{false};
  std::thread writer([&] {
    iovec piece[] = {{const_cast<std::byte*>(sent.data()), sent.size()}};
    EXPECT_TRUE(from.write_all(piece)) << from.channel().reason();
    all_written = true;
    attend(from, all_read);
  });
  links::Input input(to);
  EXPECT_TRUE(input.read(got.data(), got.size())) << to.channel().reason();
  all_read = true;
  attend(to, all_written);
  writer.join();
  EXPECT_TRUE(sent == got);
}

void move_until(Session& session, const std::function<bool()>& enough) {
  const auto there = pattern(size_t{5} << 20, 1), back = pattern(size_t{3} << 20, 2);
  for (int i = 0; i < 2000 && !enough(); ++i) {
    move(session.near(), session.far(), there);
    move(session.far(), session.near(), back);
  }
  EXPECT_TRUE(enough());
}

TEST(Lanes, SpreadBulkAndKeepItsOrder) {
  Session session(3);
  EXPECT_EQ(session.connections(), 1u) << "nothing is opened before there is bulk";
  move_until(session, [&] { return session.connections() == 4; });
  move(session.near(), session.far(), pattern(4 * Resumable::window + 999, 3));
  move(session.far(), session.near(), pattern(4 * Resumable::window + 999, 4));
}

TEST(Lanes, SmallThingsStayOnTheFirstConnection) {
  Session session(1);
  const auto small = pattern(4000, 5);
  for (int i = 0; i < 300; ++i) move(session.near(), session.far(), small);
  EXPECT_EQ(session.connections(), 1u);
}

TEST(Lanes, BothWaysAtOnce) {
  Session session(1);
  move_until(session, [&] { return session.connections() == 2; });
  // Each end reads what the other writes, so that nobody attends in vain.
  const auto there = pattern(size_t{60} << 20, 6), back = pattern(size_t{50} << 20, 7);
  auto write = [](links::Link& link, const std::vector<std::byte>& bytes) {
    iovec piece[] = {{const_cast<std::byte*>(bytes.data()), bytes.size()}};
    EXPECT_TRUE(link.write_all(piece));
  };
  auto read = [](links::Link& link, const std::vector<std::byte>& bytes) {
    std::vector<std::byte> got(bytes.size());
    EXPECT_TRUE(links::Input(link).read(got.data(), got.size()));
    EXPECT_TRUE(got == bytes);
  };
  std::thread threads[] = {
      std::thread([&] { write(session.near(), there); }), std::thread([&] { write(session.far(), back); }),
      std::thread([&] { read(session.near(), back); }), std::thread([&] { read(session.far(), there); })};
  for (std::thread& thread : threads) thread.join();
}

TEST(Lanes, OneThatIsCutBreaksAllAndChangesNothing) {
  Session session(2);
  std::atomic<bool> done{false};
  std::thread cutter([&] {
    while (!done) {
      std::this_thread::sleep_for(1ms);
      session.cut_lane();
    }
  });
  move_until(session, [&] { return session.cuts() >= 200; });
  done = true;
  cutter.join();
  std::printf("%d lanes, %d cuts\n", session.opened(), session.cuts());
}

TEST(Lanes, OneThatBringsNothingIsNotWaitedForLong) {
  Session session(1, 100ms);
  session.silent = true;
  for (int i = 0; i < 50; ++i) move(session.near(), session.far(), pattern(size_t{4} << 20, i));
  EXPECT_EQ(session.opened(), 1) << "it is not tried again";
  EXPECT_EQ(session.connections(), 1u);
}

TEST(Lanes, NoMoreComeThanWereAgreedOn) {
  Session session(1);
  move_until(session, [&] { return session.connections() == 2; });
  const int before = descriptors();
  for (size_t number : {size_t{0}, size_t{1}, size_t{2}, ~size_t{0}}) {
    Joining answer = Joining::welcome;
    EXPECT_FALSE(session.server().join(number, [&](Joining said) { return answer = said, nullptr; }));
    EXPECT_EQ(answer, Joining::not_now) << number;
  }
  EXPECT_EQ(descriptors(), before);
}

// A peer that has the key may come and go as it likes.
TEST(Lanes, ThoseThatComeAndGoLeaveNothing) {
  Session session(1);
  const auto bytes = pattern(1000, 8);
  int before = 0;
  for (int i = 0; i < 200; ++i) {
    Ends ends = make_pair();
    EXPECT_TRUE(session.server().join(1, [&](Joining) { return std::move(ends.far); }));
    ends.near.reset();
    for (int look = 0; look < 5000 && session.server().connections() > 1; ++look) {
      EXPECT_FALSE(session.server().gone());
      std::this_thread::sleep_for(1ms);
    }
    move(session.near(), session.far(), bytes);
    if (i == 10) before = descriptors();
  }
  EXPECT_EQ(descriptors(), before);
}

struct Record {
  uint32_t size, kind;
  uint64_t consumed;
};

// Why a link ends that may have one lane, has none, and reads this.
std::string reason_to_end(Record forged, std::chrono::milliseconds grace) {
  auto [near, far] = make_pair();
  links::Link left(
      std::make_unique<Resumable>(std::move(near), grace, Resumable::Meet{}, LaneOptions{.most = 1, .open = {}}));
  iovec piece[] = {{&forged, sizeof forged}};
  EXPECT_EQ(far->write_now(piece), static_cast<ssize_t>(sizeof forged));
  char byte;
  EXPECT_EQ(left.read_some(&byte, 1), 0) << forged.kind;
  return left.channel().reason();
}

// The next bytes are said to come on a lane that there is not, or to be too many.
TEST(Lanes, ForgedRecordsEndTheLink) {
  for (Record forged : {Record{8, 16, 0}, Record{8, 18, 0}, Record{1 << 20, 17, 0}, Record{8, ~0u, 0}})
    EXPECT_NE(reason_to_end(forged, 60s).find("broke the protocol"), std::string::npos);
}

// What is acknowledged is overwritten; nothing on a lane may be that it has not sent.
TEST(Lanes, WhatALaneHasNotSentCannotBeAcknowledged) {
  auto [near, far] = make_pair();
  auto [lane_near, lane_far] = make_pair();  // nobody reads there
  auto resumable =
      std::make_unique<Resumable>(std::move(near), 60s, Resumable::Meet{}, LaneOptions{.most = 1, .open = {}});
  ASSERT_TRUE(resumable->join(1, [&](Joining) { return std::move(lane_near); }));
  links::Link left(std::move(resumable));
  auto bytes = pattern(size_t{2} << 20, 9);  // of which most stays on the lane
  iovec piece[] = {{bytes.data(), bytes.size()}};
  ASSERT_GT(left.channel().write_now(piece), 0);
  Record announced;
  ASSERT_EQ(far->read_some(&announced, sizeof announced, true), static_cast<ssize_t>(sizeof announced));
  ASSERT_EQ(announced.kind, 17u);
  Record forged{0, 2, announced.size};
  iovec acknowledgement[] = {{&forged, sizeof forged}};
  ASSERT_EQ(far->write_now(acknowledgement), static_cast<ssize_t>(sizeof forged));
  char byte;
  EXPECT_EQ(left.read_some(&byte, 1), 0);
  EXPECT_NE(left.channel().reason().find("broke the protocol"), std::string::npos);
}

TEST(Lanes, BytesOnALaneThatIsNotThereBreakTheConnection) {
  EXPECT_NE(reason_to_end({8, 17, 0}, 100ms).find("did not come back"), std::string::npos);
}

}  // namespace
