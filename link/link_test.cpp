// Names of servers, and bytes through real sockets.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "link/address.h"

namespace {

TEST(Address, ReadsWhatItWrites) {
  for (const char* text :
       {"unix:/run/a b", "tcp:127.0.0.1:9000", "tcp:[::1]:9000", "vsock://2:7000",
        "tls:host:7601#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "via:ssh host outboard serve --stdio", "ssh://box",
        "ssh://user@box", "ssh://box:2222", "ssh://user@[2001:db8::1]:22", "ssh://[::1]", "slurm://", "slurm://gpu",
        "slurm://gpu?gres=vgpu:1,vgmem:20G&time=1-00:00:00", "slurm://?job=12"}) {
    auto address = links::parse(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address.value().text(), text);
  }
  EXPECT_EQ(links::parse("host").value().text(), "vsock://2:4770");
}

TEST(Address, SaysWhatIsWrong) {
  EXPECT_NE(links::parse("tcp:host").error().find("no port"), std::string::npos);
  EXPECT_NE(links::parse("tcp:host:99999").error().find("not a port"), std::string::npos);
  EXPECT_NE(links::parse("unix:").error().find("no path"), std::string::npos);
  for (const char* host : {"ssh://", "ssh://-oProxyCommand=x", "ssh://user@", "ssh://@host", "ssh://a b", "ssh://a'b",
                           "ssh://-l@host", "ssh://$(x)", "ssh://host/path"})
    EXPECT_NE(links::parse(host).error().find("names no host"), std::string::npos) << host;
  EXPECT_NE(links::parse("ssh://host:70000").error().find("not a port"), std::string::npos);
  EXPECT_NE(links::parse("slurm://--wrap=x").error().find("no partition"), std::string::npos);
  EXPECT_NE(links::parse("slurm://gpu?wrap=x").error().find("not asked for 'wrap'"), std::string::npos);
  EXPECT_NE(links::parse("slurm://gpu?gres").error().find("has no value"), std::string::npos);
  EXPECT_NE(links::parse("slurm://gpu?time=--wrap").error().find("has no value"), std::string::npos);
  EXPECT_NE(links::parse("elsewhere").error().find("no target"), std::string::npos);
}

TEST(Address, WhatSlurmWouldRefuseLateIsRefusedAtOnce) {
  for (const char* good : {"mem=0", "mem=4000", "mem=20G", "time=30", "time=30:00", "time=2:00:00", "time=1-12",
                           "time=1-12:30", "time=1-12:30:15", "time=UNLIMITED", "cpus=4", "requeue=0", "job=12"})
    EXPECT_TRUE(links::parse(std::string("slurm://gpu?") + good).ok()) << good;
  for (const char* bad : {"mem=20X", "mem=G", "mem=20GB", "mem=1.5G", "time=soon", "time=1:2:3:4", "time=1-",
                          "time=:30", "time=1-2-3", "cpus=0", "cpus=many", "requeue=yes", "job=latest", "job=0"}) {
    auto parsed = links::parse(std::string("slurm://gpu?") + bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_NE(parsed.error().find("' is not "), std::string::npos) << parsed.error();
  }
}

TEST(Connect, PlainTcpStaysOnThisMachine) {
  EXPECT_NE(links::connect(links::parse("tcp:192.0.2.1:1").value(), 100).error().find("another machine"),
            std::string::npos);
  EXPECT_NE(links::listen(links::parse("tcp:0.0.0.0:0").value()).error().find("other machines"), std::string::npos);
}

// Many come at once: who is not queued yet has no connection.
TEST(Connect, AServerThatIsBusyIsWaitedFor) {
  const auto address = links::parse("unix:" + testing::TempDir() + "outboard-busy-" + std::to_string(getpid())).value();
  unlink(address.where.c_str());
  auto listening = links::listen(address);
  ASSERT_TRUE(listening.ok()) << listening.error();
  ASSERT_EQ(listen(listening.value().get(), 0), 0);  // a queue of one
  auto first = links::connect(address, 100);
  ASSERT_TRUE(first.ok()) << first.error();
  auto second = links::connect(address, 100);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().find("timed out"), std::string::npos) << second.error();
  std::thread accepts([&] {
    usleep(100000);
    close(accept(listening.value().get(), nullptr, nullptr));
  });
  EXPECT_TRUE(links::connect(address, 5000).ok());
  accepts.join();
  unlink(address.where.c_str());
}

TEST(Connect, ASocketFileWithoutAServerSaysSo) {
  auto result = links::connect(links::parse("unix:/nonexistent/outboard.sock").value(), 100);
  EXPECT_NE(result.error().find("outboard serve"), std::string::npos);
}

TEST(Listen, UnixSocketsAreTheUsersOwnAndReplaceStaleOnes) {
  std::string path = std::filesystem::temp_directory_path() / ("outboard-link-test-" + std::to_string(getpid()));
  auto address = links::parse("unix:" + path).value();
  { ASSERT_TRUE(links::listen(address).ok()); }  // closed, but its file stays
  auto socket = links::listen(address);
  ASSERT_TRUE(socket.ok()) << socket.error();
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  EXPECT_NE(links::listen(address).error().find("another server"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(Link, MovesMoreThanASocketHolds) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  links::Link left{base::Fd(pair[0])}, right{base::Fd(pair[1])};
  std::vector<char> sent(3 << 20), got(sent.size());
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7);
  std::thread writer([&] {
    iovec pieces[] = {{sent.data(), 5}, {sent.data() + 5, 0}, {sent.data() + 5, sent.size() - 5}};
    EXPECT_TRUE(left.write_all(pieces));
  });
  links::Input input(right);
  EXPECT_TRUE(input.read(got.data(), 7));
  EXPECT_TRUE(input.read(got.data() + 7, got.size() - 7));
  writer.join();
  EXPECT_EQ(sent, got);
}

TEST(Link, AClosedPeerIsAnErrorAndNotASignal) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  links::Link left{base::Fd(pair[0])};
  close(pair[1]);
  char byte = 0;
  iovec piece[] = {{&byte, 1}};
  EXPECT_FALSE(left.write_all(piece));
}

TEST(Connect, ViaRunsACommandThatIsNoChildOfOurs) {
  auto link = links::connect(links::parse("via:cat").value(), 1000);
  ASSERT_TRUE(link.ok()) << link.error();
  char text[] = "there and back", back[sizeof text];
  iovec piece[] = {{text, sizeof text}};
  ASSERT_TRUE(link.value().write_all(piece));
  links::Input input(link.value());
  ASSERT_TRUE(input.read(back, sizeof back));
  EXPECT_STREQ(back, text);
}

}  // namespace
