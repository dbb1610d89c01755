// Peers that open a further connection beside their session's first, and then break the protocol on either.
#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>

#include "api/opcode.h"
#include "api/window.h"
#include "link/lanes.h"
#include "tests/hostile/frames.h"
#include "tests/hostile/server.h"
#include "wire/hello.h"
#include "wire/return.h"

namespace {

using hostile::call_of, hostile::closes, hostile::send;
using links::Joining;
using wire::Kind;

constexpr uint32_t data = 1, acknowledgement = 2, first_lane = 16;  // kinds of records (PROTOCOL.md)
struct Record {
  uint32_t size, kind;
  uint64_t consumed;
};

template <class T>
bool put(links::Link& link, const T& value) {
  iovec piece[] = {{const_cast<T*>(&value), sizeof value}};
  return link.write_all(piece);
}

// A call of a function that there is not, which is answered nevertheless.
std::vector<std::byte> harmless(uint64_t number) {
  const auto call = call_of(0xdeadbeef);
  const wire::FrameHead head{static_cast<uint32_t>(call.size()), Kind::call, number};
  std::vector<std::byte> frame(sizeof head + call.size());
  std::memcpy(frame.data(), &head, sizeof head);
  std::memcpy(frame.data() + sizeof head, call.data(), call.size());
  return frame;
}

// A session whose records this test makes by hand.
struct Session {
  links::Link first;
  wire::SessionSecret secret{};
  uint64_t connections = 0;

  bool record(uint32_t kind, std::span<const std::byte> bytes, uint64_t consumed = 0) {
    return put(first, Record{static_cast<uint32_t>(bytes.size()), kind, consumed}) && write(first, bytes);
  }
  static bool write(links::Link& link, std::span<const std::byte> bytes) {
    iovec piece[] = {{const_cast<std::byte*>(bytes.data()), bytes.size()}};
    return link.write_all(piece);
  }
  // The next reply's number; acknowledgements before it are passed over. Nothing: the server has closed, or says
  // nothing.
  std::optional<uint64_t> reply() {
    for (Record record{}; first.read_all(&record, sizeof record, 5000);) {
      std::vector<std::byte> bytes(record.size);
      if (!first.read_all(bytes.data(), bytes.size(), 5000)) return {};
      if (record.kind != data || bytes.size() < sizeof(wire::FrameHead)) continue;
      wire::FrameHead head;
      std::memcpy(&head, bytes.data(), sizeof head);
      return head.number;
    }
    return {};
  }
};

class Joined : public hostile::Server {
 protected:
  std::string address() const override { return "tcp:127.0.0.1:" + std::to_string(20000 + getpid() % 20000); }

  Session begin() {
    Session session{connect()};
    wire::Hello hello{
        wire::oldest_version, wire::newest_version, api::window_base, api::window_size, "outboard", "hostile", "", ""};
    hello.wishes = wire::resumable;
    hello.connections = 2;
    wire::Writer writer;
    write(writer, hello);
    EXPECT_TRUE(send(session.first, Kind::hello, 0, writer.bytes()));
    wire::FrameHead head{};
    EXPECT_TRUE(session.first.read_all(&head, sizeof head, 10000));
    std::vector<std::byte> payload(head.size);
    EXPECT_TRUE(session.first.read_all(payload.data(), payload.size(), 10000));
    auto welcome = wire::read_welcome(payload);
    EXPECT_TRUE(welcome.ok() && welcome.value().granted & wire::resumable);
    EXPECT_TRUE(wire::SessionSecret::parse(welcome.value().session, session.secret));
    session.connections = welcome.value().connections;
    return session;
  }
  // What the server says to one that comes with this key; nothing: it hangs up.
  std::optional<Joining> join(wire::SessionSecret secret, uint64_t number, links::Link& link) {
    link = connect();
    wire::ReturnHead head{};
    std::memcpy(head.magic, wire::return_magic, sizeof head.magic);
    std::memcpy(head.id, secret.id, sizeof head.id);
    uint64_t known = 0;
    if (!put(link, head) || !link.read_all(&known, sizeof known, 5000) || known != 1) return {};
    wire::ReturnKey key{};
    std::memcpy(key.key, secret.key, sizeof key.key);
    key.received = wire::joins | number;
    wire::ReturnAnswer answer{};
    if (!put(link, key) || !link.read_all(&answer, sizeof answer, 5000)) return {};
    return static_cast<Joining>(answer.good);
  }
  // A session with a connection beside it.
  Session begin_joined(links::Link& lane) {
    Session session = begin();
    EXPECT_EQ(session.connections, 2u);
    EXPECT_EQ(join(session.secret, 1, lane), Joining::welcome) << log();
    return session;
  }
  // Descriptors that the session's worker, the only one, has open.
  size_t open_in_worker() const {
    const auto folder = "/proc/" + std::to_string(workers().at(0)) + "/fd";
    DIR* open = opendir(folder.c_str());
    size_t count = 0;
    while (readdir(open)) ++count;
    closedir(open);
    return count;
  }
};

TEST_F(Joined, IsServedByWhatComesOnEither) {
  links::Link lane;
  Session session = begin_joined(lane);
  for (uint64_t number : {1, 2, 3}) {
    const auto frame = harmless(number);
    const size_t part = number * 9;  // of which some comes on the one and some on the other
    ASSERT_TRUE(session.record(data, {frame.data(), part}));
    ASSERT_TRUE(put(session.first, Record{static_cast<uint32_t>(frame.size() - part), first_lane + 1, 0}));
    ASSERT_TRUE(Session::write(lane, std::span(frame).subspan(part)));
    EXPECT_EQ(session.reply(), number) << log();
  }
}

TEST_F(Joined, EndsForFramesThatCannotBeAndComeBeside) {
  for (uint32_t claimed : {0xfffffff8u, 13u}) {
    links::Link lane;
    Session session = begin_joined(lane);
    ASSERT_TRUE(put(session.first, Record{sizeof(wire::FrameHead), first_lane + 1, 0}));
    ASSERT_TRUE(send(lane, Kind::call, 1, {}, claimed));
    EXPECT_TRUE(closes(session.first)) << claimed;
    EXPECT_TRUE(closes(lane)) << claimed;
  }
  EXPECT_TRUE(all_workers_gone()) << log();
  expect_served();
}

TEST_F(Joined, EndsForRecordsThatCannotBe) {
  for (Record forged : {Record{1 << 20, first_lane + 1, 0}, Record{8, first_lane + 2, 0}, Record{8, first_lane, 0},
                        Record{0, acknowledgement, 4096}, Record{0, acknowledgement, ~uint64_t{0}}}) {
    links::Link lane;
    Session session = begin_joined(lane);
    ASSERT_TRUE(put(session.first, forged));
    EXPECT_TRUE(closes(session.first)) << forged.kind << ' ' << forged.size;
    EXPECT_TRUE(closes(lane)) << forged.kind << ' ' << forged.size;
  }
  EXPECT_TRUE(all_workers_gone()) << log();
  expect_served();
}

TEST_F(Joined, RefusesWhoWasNotAgreedOn) {
  links::Link lane, other;
  Session session = begin_joined(lane);
  for (uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{1} << 62})
    EXPECT_EQ(join(session.secret, number, other), Joining::not_now) << number;
  wire::SessionSecret wrong = session.secret;
  wrong.key[31] ^= 1;
  EXPECT_EQ(join(wrong, 1, other), Joining::not_now);
  EXPECT_NE(log().find("return-refused"), std::string::npos) << log();
  wrong.id[0] ^= 1;
  EXPECT_EQ(join(wrong, 1, other), std::nullopt) << "there is no such session";
  ASSERT_TRUE(session.record(data, harmless(5)));
  EXPECT_EQ(session.reply(), 5u) << log();
}

// It is read ahead as far as there is room, and no further.
TEST_F(Joined, TakesNoMoreThanThereIsRoomFor) {
  links::Link lane;
  Session session = begin_joined(lane);
  std::vector<std::byte> bytes(size_t{1} << 20);
  size_t taken = 0;
  while (taken < size_t{256} << 20 && lane.channel().wait(false, true, 500).writing) {
    iovec piece[] = {{bytes.data(), bytes.size()}};
    const ssize_t done = lane.channel().write_now(piece);
    ASSERT_TRUE(done >= 0 || errno == EAGAIN);
    taken += static_cast<size_t>(std::max<ssize_t>(done, 0));
  }
  EXPECT_LT(taken, size_t{64} << 20) << "what the sockets hold, and 1 MiB";
  ASSERT_TRUE(session.record(data, harmless(6)));
  EXPECT_EQ(session.reply(), 6u) << log();
}

TEST_F(Joined, ThoseThatComeAndGoLeaveNothing) {
  Session session = begin();
  size_t before = 0;
  for (uint64_t i = 0; i < 60; ++i) {
    links::Link lane;
    for (int look = 0; look < 500 && join(session.secret, 1, lane) != Joining::welcome; ++look) usleep(10000);
    ASSERT_TRUE(session.record(data, harmless(i)));
    ASSERT_EQ(session.reply(), i) << log();
    if (i == 5) before = open_in_worker();
  }
  EXPECT_LE(open_in_worker(), before + 3) << "the last one may not have gone yet";
}

TEST_F(Joined, SurvivesAnything) {
  std::mt19937 random(20261126);
  for (int round = 0; round < 20; ++round) {
    links::Link lane;
    Session session = begin_joined(lane);
    for (int i = 0; i < 100; ++i) {
      const auto frame = harmless(static_cast<uint64_t>(i));
      std::vector<std::byte> bytes(random() % 2 ? frame.size() : random() % 9000);
      if (bytes.size() == frame.size())
        bytes = frame;
      else
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      const auto kind = static_cast<uint32_t>(random() % 20 ? first_lane + random() % 2 * 1 : random() % 40);
      const bool beside = kind == first_lane + 1;
      if (!put(session.first, Record{static_cast<uint32_t>(bytes.size()), beside ? kind : data, 0})) break;
      if (!Session::write(beside ? lane : session.first, bytes)) break;
    }
  }
  EXPECT_TRUE(all_workers_gone()) << log();
  expect_served();
}

}  // namespace
