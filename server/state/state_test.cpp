// What a server keeps survives it, and what is damaged says so.
#include "server/state/state.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/base64.h"
#include "server/state/secret.h"

namespace {

namespace fs = std::filesystem;
using server::State;

class StateTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/outboard-state-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string folder_;
};

TEST_F(StateTest, KeepsVirtualGpusAndTokens) {
  server::Secret secret;
  {
    auto state = State::open(folder_ + "/new");
    ASSERT_TRUE(state.ok()) << state.error();
    ASSERT_TRUE(state.value().add(server::VirtualGpu{"small", 1, 1 << 30, 25, 3, 60}).ok());
    EXPECT_NE(state.value().add(server::VirtualGpu{"small", 0, 1, 1, 0, 0}).error().find("already"), std::string::npos);
    auto token = server::make_token(secret);
    ASSERT_TRUE(token.ok());
    token.value().name = "ann";
    token.value().vgpu = "small";
    ASSERT_TRUE(state.value().add(token.value()).ok());
  }
  auto state = State::open(folder_ + "/new");
  auto vgpu = state.value().find_virtual_gpu("small");
  ASSERT_TRUE(vgpu.ok() && vgpu.value());
  EXPECT_EQ(vgpu.value()->gpu, 1u);
  EXPECT_EQ(vgpu.value()->percent, 25u);
  EXPECT_EQ(vgpu.value()->idle_seconds, 60u);
  auto token = state.value().find_token(server::id_of(secret));
  ASSERT_TRUE(token.ok() && token.value());
  EXPECT_TRUE(server::fits(*token.value(), *server::derive(secret, token.value()->salt)));
  server::Secret wrong = secret;
  wrong[31] ^= 1;
  EXPECT_FALSE(server::fits(*token.value(), *server::derive(wrong, token.value()->salt)));
  ASSERT_TRUE(state.value().revoke("ann").ok());
  EXPECT_TRUE(state.value().find_token(server::id_of(secret)).value()->revoked);
  EXPECT_FALSE(state.value().revoke("bob").ok());
  EXPECT_TRUE(state.value().remove_virtual_gpu("small").ok());
  EXPECT_FALSE(state.value().remove_virtual_gpu("small").ok());
}

TEST_F(StateTest, SurvivesAKilledWriter) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    auto state = State::open(folder_);
    for (uint64_t i = 1;; ++i) {
      if (!state.value().add(server::Usage{"t", "v", 1, 10, 100, 1000}).ok()) _exit(1);
      if (write(ready[1], &i, sizeof i) != sizeof i) _exit(2);
    }
  }
  uint64_t written = 0;
  while (written < 200) ASSERT_EQ(read(ready[0], &written, sizeof written), static_cast<ssize_t>(sizeof written));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[1]);
  for (uint64_t more; read(ready[0], &more, sizeof more) == sizeof more;) written = more;
  close(ready[0]);
  auto state = State::open(folder_);
  ASSERT_TRUE(state.ok()) << state.error();
  auto usage = state.value().usage();
  ASSERT_TRUE(usage.ok());
  ASSERT_EQ(usage.value().size(), 1u);
  EXPECT_GE(usage.value()[0].sessions, written);
  EXPECT_LE(usage.value()[0].sessions, written + 1);
  EXPECT_EQ(usage.value()[0].bytes_out, usage.value()[0].sessions * 1000);
}

TEST_F(StateTest, SaysThatItIsDamaged) {
  std::ofstream(folder_ + "/state.db") << std::string(8192, 'x');
  auto state = State::open(folder_);
  ASSERT_FALSE(state.ok());
  EXPECT_NE(state.error().find("is damaged"), std::string::npos) << state.error();
  EXPECT_NE(state.error().find("move it away"), std::string::npos) << state.error();
}

TEST_F(StateTest, SaysThatTheDiskIsFull) {
  auto state = State::open("/dev/full/state");
  EXPECT_FALSE(state.ok());
  // A file of a few pages on a disk that has no more: SQLite's own limit stands for it.
  auto database = server::Database::open(folder_ + "/small.db");
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(database.value().run("CREATE TABLE t (b BLOB); PRAGMA max_page_count=3").ok());
  auto full = database.value().run("INSERT INTO t VALUES (zeroblob(100000))");
  ASSERT_FALSE(full.ok());
  EXPECT_NE(full.error().find("is full; make room"), std::string::npos) << full.error();
}

TEST(Base64Url, GoesThereAndBack) {
  for (size_t size : {0, 1, 2, 3, 31, 32, 33}) {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 200);
    EXPECT_EQ(base::from_base64url(base::to_base64url(bytes)), bytes);
  }
  EXPECT_EQ(base::to_base64url(std::vector<uint8_t>{0xfb, 0xff}), "-_8");
  for (const char* wrong : {"A", "A=", "AB", "a b", "AA\n"}) EXPECT_FALSE(base::from_base64url(wrong)) << wrong;
}

TEST(Names, AreShortAndPlain) {
  for (const char* good : {"small", "a", "team-a.2_x"}) EXPECT_TRUE(server::is_name(good));
  for (const char* bad : {"", ".hidden", "a b", "a/b", "\n"}) EXPECT_FALSE(server::is_name(bad));
  EXPECT_FALSE(server::is_name(std::string(64, 'a')));
}

}  // namespace
