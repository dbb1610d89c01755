// Encryption between two ends in this process, and the server's key.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "link/link.h"
#include "link/tcp_options.h"
#include "link/tls.h"

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("outboard-tls-" + std::to_string(getpid()));
  ~Folder() { fs::remove_all(path); }
  std::string key() const { return path / "state" / "server.key"; }
};

struct Sockets {
  base::Fd server, client;
  Sockets() {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    server = base::Fd(pair[0]);
    client = base::Fd(pair[1]);
    for (int each : pair) links::limit_waits(each, 5);
  }
};

TEST(ServerKey, IsMadeOnceAndIsTheUsersOwn) {
  Folder folder;
  auto made = links::ServerKey::load_or_create(folder.key());
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(made.value().fingerprint().size(), 43u);
  EXPECT_EQ(fs::status(folder.key()).permissions(), fs::perms(0600));
  auto again = links::ServerKey::load_or_create(folder.key());
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(made.value().fingerprint(), again.value().fingerprint());
  chmod(folder.key().c_str(), 0644);
  EXPECT_NE(links::ServerKey::load_or_create(folder.key()).error().find("0600"), std::string::npos);
  chmod(folder.key().c_str(), 0600);
  std::ofstream(folder.key()) << "-----BEGIN";
  EXPECT_NE(links::ServerKey::load_or_create(folder.key()).error().find("is no key"), std::string::npos);
}

TEST(Tls, CarriesBytesBothWays) {
  Folder folder;
  auto key = links::ServerKey::load_or_create(folder.key());
  ASSERT_TRUE(key.ok()) << key.error();
  Sockets sockets;
  std::vector<std::byte> sent(3 << 20), got(sent.size());
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 31);
  std::thread server([&] {
    auto accepted = links::Tls::accept(std::move(sockets.server), key.value());
    ASSERT_TRUE(accepted.ok()) << accepted.error();
    links::Link link(std::move(accepted.value()));
    links::Input input(link);
    EXPECT_TRUE(input.read(got.data(), got.size()));
    iovec pieces[] = {{got.data(), 16}, {got.data() + 16, got.size() - 16}};
    EXPECT_TRUE(link.write_all(pieces));
  });
  auto connected = links::Tls::connect(std::move(sockets.client), key.value().fingerprint());
  ASSERT_TRUE(connected.ok()) << connected.error();
  links::Link link(std::move(connected.value()));
  iovec piece[] = {{sent.data(), sent.size()}};
  EXPECT_TRUE(link.write_all(piece));
  std::vector<std::byte> back(sent.size());
  links::Input input(link);
  EXPECT_TRUE(input.read(back.data(), back.size()));
  server.join();
  EXPECT_EQ(sent, got);
  EXPECT_EQ(sent, back);
}

// What one system call brought is there although no poll of the socket shows it; half a record is not there.
TEST(Tls, WhatWasReadAheadShows) {
  Folder folder;
  auto key = links::ServerKey::load_or_create(folder.key());
  ASSERT_TRUE(key.ok()) << key.error();
  Sockets sockets;
  const int socket = sockets.server.get();
  std::unique_ptr<links::Channel> writing;
  std::thread server([&] {
    auto accepted = links::Tls::accept(std::move(sockets.server), key.value());
    ASSERT_TRUE(accepted.ok()) << accepted.error();
    writing = std::move(accepted.value());
  });
  auto connected = links::Tls::connect(std::move(sockets.client), key.value().fingerprint());
  server.join();
  ASSERT_TRUE(connected.ok() && writing);
  links::Channel& reading = *connected.value();
  char bytes[8] = {};
  for (int record = 0; record < 3; ++record) {
    iovec piece[] = {{bytes, sizeof bytes}};
    ASSERT_EQ(writing->write_now(piece), 8);
  }
  for (int half = 0; half < 6; ++half) {
    ASSERT_TRUE(reading.wait(true, false, 1000).reading) << half;
    ASSERT_EQ(reading.read_now(bytes, 4), 4);
  }
  ASSERT_EQ(send(socket, "\x17\x03\x03", 3, 0), 3);  // the first bytes of a record
  EXPECT_TRUE(reading.wait(true, false, 1000).reading);
  EXPECT_EQ(reading.read_now(bytes, sizeof bytes), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(reading.wait(true, false, 20).reading);
}

TEST(Tls, AnotherKeyIsRefusedByTheClient) {
  Folder folder;
  auto key = links::ServerKey::load_or_create(folder.key());
  ASSERT_TRUE(key.ok());
  Sockets sockets;
  std::thread server([&] { (void)links::Tls::accept(std::move(sockets.server), key.value()); });
  auto connected = links::Tls::connect(std::move(sockets.client), std::string(43, 'A'));
  server.join();
  EXPECT_NE(connected.error().find("the server's key is not the one"), std::string::npos) << connected.error();
}

TEST(Tls, WhoDoesNotSpeakItIsRefused) {
  Folder folder;
  auto key = links::ServerKey::load_or_create(folder.key());
  ASSERT_TRUE(key.ok());
  Sockets sockets;
  ASSERT_EQ(write(sockets.client.get(), "GET / HTTP/1.0\r\n\r\n", 18), 18);
  EXPECT_FALSE(links::Tls::accept(std::move(sockets.server), key.value()).ok());
}

}  // namespace
