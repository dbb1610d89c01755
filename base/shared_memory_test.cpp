// Shared memory by token: what a token opens, and what a forged one does not.
#include "base/shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cstring>

namespace base {
namespace {

TEST(SharedMemory, is_seen_by_another_process) {
  auto made = SharedMemory::create(8192);
  ASSERT_TRUE(made.ok());
  SharedMemoryToken token = made.value().token();
  pid_t child = fork();
  if (child == 0) {
    auto opened = SharedMemory::open(token);
    if (!opened || opened.value().size() != 8192) _exit(1);
    _exit(pwrite(opened.value().descriptor(), "seen", 4, 100) == 4 ? 0 : 2);
  }
  int status = 1;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  char text[5] = {};
  ASSERT_EQ(pread(made.value().descriptor(), text, 4, 100), 4);
  EXPECT_STREQ(text, "seen");
}

TEST(SharedMemory, a_forged_token_opens_nothing) {
  auto made = SharedMemory::create(4096);
  ASSERT_TRUE(made.ok());
  SharedMemoryToken token = made.value().token();
  token.random[3] ^= 1;
  EXPECT_FALSE(SharedMemory::open(token).ok());
  Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  token = made.value().token();
  token.descriptor = file.get();
  EXPECT_FALSE(SharedMemory::open(token).ok());
  token.descriptor = 1 << 20;
  EXPECT_FALSE(SharedMemory::open(token).ok());
  token.process = -5;
  EXPECT_FALSE(SharedMemory::open(token).ok());
}

TEST(SharedMemory, a_closed_one_is_gone) {
  SharedMemoryToken token{};
  {
    auto made = SharedMemory::create(4096);
    ASSERT_TRUE(made.ok());
    token = made.value().token();
  }
  EXPECT_FALSE(SharedMemory::open(token).ok());
}

TEST(SharedMemory, adopts_its_own_kind_only) {
  EXPECT_FALSE(SharedMemory::adopt(Fd(memfd_create("other", MFD_CLOEXEC))).ok());
  EXPECT_FALSE(SharedMemory::adopt(Fd()).ok());
  auto made = SharedMemory::create(4096);
  ASSERT_TRUE(made.ok());
  auto adopted = SharedMemory::adopt(Fd(dup(made.value().descriptor())));
  ASSERT_TRUE(adopted.ok());
  EXPECT_EQ(std::memcmp(adopted.value().token().random, made.value().token().random, 16), 0);
}

}  // namespace
}  // namespace base
