// The tunnel: many connections, each with its own pace; questions; an end that everybody sees; peers that lie.
#include "desktop/open/tunnel.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

namespace {

using desktop::Tunnel;

struct Pair {
  base::Fd one, other;
  Pair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    one = base::Fd(ends[0]);
    other = base::Fd(ends[1]);
  }
};

// Writes all, or fails when the socket takes nothing for five seconds.
bool put(int socket, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    pollfd ready{socket, POLLOUT, 0};
    if (poll(&ready, 1, 5000) <= 0) return false;
    ssize_t sent = send(socket, text.data() + done, text.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    done += static_cast<size_t>(sent);
  }
  return true;
}

std::string get(int socket, size_t size) {
  std::string text;
  while (text.size() < size) {
    pollfd ready{socket, POLLIN, 0};
    if (poll(&ready, 1, 5000) <= 0) break;
    char bytes[65536];
    ssize_t got = recv(socket, bytes, std::min(sizeof bytes, size - text.size()), 0);
    if (got <= 0) break;
    text.append(bytes, static_cast<size_t>(got));
  }
  return text;
}

class Tunnels : public testing::Test {
 protected:
  Tunnels() {
    far = std::make_unique<Tunnel>(
        links::Link(std::move(link.one)),
        Tunnel::Answers{[this](const std::string& way) -> base::Result<base::Fd> {
                          if (way != "rdp") return base::Error{"no such way"};
                          Pair made;
                          sockets.push_back(std::move(made.one));
                          return std::move(made.other);
                        },
                        [](const std::string& line) { return line == "echo" ? "echoed" : "?"; }});
    near = std::make_unique<Tunnel>(links::Link(std::move(link.other)), Tunnel::Answers{});
  }
  // A connection through the tunnel; the far end is the last of `sockets` once the peer knows of it.
  base::Fd connect(const std::string& way = "rdp") {
    Pair made;
    EXPECT_TRUE(near->carry(std::move(made.one), way).ok());
    EXPECT_TRUE(near->ask("echo", 5000).ok());  // what was sent before has arrived
    return std::move(made.other);
  }

  Pair link;
  std::vector<base::Fd> sockets;
  std::unique_ptr<Tunnel> far, near;
};

TEST_F(Tunnels, BytesBothWays) {
  base::Fd here = connect();
  ASSERT_EQ(sockets.size(), 1u);
  ASSERT_TRUE(put(here.get(), "hello"));
  EXPECT_EQ(get(sockets[0].get(), 5), "hello");
  std::string large(3 << 20, 'x');
  std::thread writer([&] { EXPECT_TRUE(put(sockets[0].get(), large)); });
  EXPECT_EQ(get(here.get(), large.size()), large);
  writer.join();
}

TEST_F(Tunnels, WhoDoesNotReadHoldsNobodyUp) {
  base::Fd slow = connect(), quick = connect();
  ASSERT_EQ(sockets.size(), 2u);
  std::string flood(4 << 20, 'x');
  std::thread writer([&] { put(sockets[0].get(), flood); });  // nobody reads it
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(put(sockets[1].get(), "tick"));
    ASSERT_EQ(get(quick.get(), 4), "tick");
  }
  EXPECT_EQ(get(slow.get(), flood.size()).size(), flood.size());
  writer.join();
}

TEST_F(Tunnels, AnEndIsSeenOnTheOtherSide) {
  base::Fd here = connect();
  ASSERT_TRUE(put(here.get(), "last words"));
  here.close();
  EXPECT_EQ(get(sockets[0].get(), 100), "last words");
  for (int tries = 0; near->connections() && tries < 100; ++tries) poll(nullptr, 0, 20);
  EXPECT_EQ(near->connections(), 0u);
}

TEST_F(Tunnels, ARefusedWayIsAnEnd) {
  base::Fd here = connect("web");
  EXPECT_EQ(get(here.get(), 1), "");
}

TEST_F(Tunnels, TheEndOfOneSideIsTheEndOfAll) {
  base::Fd here = connect();
  far.reset();
  EXPECT_EQ(get(here.get(), 1), "");
  pollfd over{near->over(), POLLIN, 0};
  EXPECT_EQ(poll(&over, 1, 5000), 1);
  EXPECT_FALSE(near->ask("echo", 1000).ok());
  Pair late;
  EXPECT_FALSE(near->carry(std::move(late.one), "rdp").ok());
}

TEST_F(Tunnels, ManyConnectionsOneAfterAnother) {
  for (int round = 0; round < 200; ++round) {
    base::Fd here = connect();
    ASSERT_TRUE(put(here.get(), "x"));
    ASSERT_EQ(get(sockets.back().get(), 1), "x");
    sockets.clear();
  }
}

// A peer that breaks the rules ends the tunnel and nothing else.
TEST(TunnelPeers, Liars) {
  auto frame = [](uint32_t size, uint16_t kind, uint32_t number, const std::string& payload) {
    std::string bytes(12, '\0');
    std::memcpy(bytes.data(), &size, 4);
    std::memcpy(bytes.data() + 4, &kind, 2);
    std::memcpy(bytes.data() + 8, &number, 4);
    return bytes + payload;
  };
  const std::string more(65536, 'x'), room("\xff\xff\xff\x7f", 4);
  std::string too_much = frame(3, 3, 1, "rdp");
  for (int piece = 0; piece < 80; ++piece) too_much += frame(65536, 4, 1, more);  // 5 MiB that nobody reads
  for (const std::string& lie : {frame(0xffffffff, 4, 1, ""), frame(3, 3, 1, "rdp") + frame(3, 3, 1, "rdp"),
                                 frame(20, 3, 1, std::string(20, 'r')), frame(3, 3, 1, "rdp") + frame(4, 5, 1, room),
                                 frame(3, 3, 1, "rdp") + frame(0, 99, 1, ""), too_much}) {
    Pair link;
    std::vector<base::Fd> kept;
    Tunnel tunnel(links::Link(std::move(link.one)), {[&](const std::string&) -> base::Result<base::Fd> {
                                                       Pair made;
                                                       kept.push_back(std::move(made.one));
                                                       return std::move(made.other);
                                                     },
                                                     {}});
    put(link.other.get(), lie);
    pollfd over{tunnel.over(), POLLIN, 0};
    EXPECT_EQ(poll(&over, 1, 5000), 1);
  }
}

}  // namespace
