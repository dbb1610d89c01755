#include "device/software/codegen/kernel_cache.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using software::KernelCache;

class CacheTest : public testing::Test {
 protected:
  CacheTest() {
    std::string pattern = (fs::temp_directory_path() / "kernel-cache-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    folder += "/kernels";
  }
  ~CacheTest() override { fs::remove_all(fs::path(folder).parent_path()); }

  std::string bytes_of(const std::string& key) const {
    std::ifstream file(folder + "/" + key, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(const std::string& key, const std::string& bytes) const {
    std::ofstream(folder + "/" + key, std::ios::binary) << bytes;
  }

  std::string folder;
};

TEST_F(CacheTest, gives_back_what_was_written) {
  std::string content(100'000, 'x');
  KernelCache(folder, 1 << 20).write("key", content);
  KernelCache later(folder, 1 << 20);
  EXPECT_EQ(later.read("key"), content);
  EXPECT_EQ(later.read("other"), std::nullopt);
}

TEST_F(CacheTest, damaged_files_are_no_files) {
  KernelCache cache(folder, 1 << 20);
  cache.write("key", "some content that matters");
  const std::string good = bytes_of("key");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    overwrite("key", bad);
    EXPECT_EQ(cache.read("key"), std::nullopt) << i;
  }
  for (size_t size = 0; size < good.size(); ++size) {
    overwrite("key", good.substr(0, size));
    EXPECT_EQ(cache.read("key"), std::nullopt) << size;
  }
  overwrite("key", good + "more");
  EXPECT_EQ(cache.read("key"), std::nullopt);
  overwrite("another", good);  // another key's
  EXPECT_EQ(cache.read("another"), std::nullopt);
  cache.write("key", "some content that matters");
  EXPECT_EQ(cache.read("key"), "some content that matters");
}

TEST_F(CacheTest, the_least_recently_used_go_first) {
  KernelCache cache(folder, 100'000);
  std::string content(20'000, 'x');
  for (const char* key : {"a", "b", "c", "d"}) {
    cache.write(key, content);
    usleep(20'000);  // the file system's clock ticks every few milliseconds
  }
  EXPECT_TRUE(cache.read("a"));
  cache.write("e", content);
  EXPECT_TRUE(cache.read("a"));
  EXPECT_FALSE(cache.read("b"));
  EXPECT_TRUE(cache.read("e"));
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  EXPECT_LE(bytes, 100'000u);
}

TEST_F(CacheTest, what_is_larger_than_the_cache_is_not_kept) {
  KernelCache cache(folder, 1000);
  cache.write("key", std::string(2000, 'x'));
  EXPECT_FALSE(cache.read("key"));
}

TEST_F(CacheTest, what_others_may_write_is_not_trusted) {
  KernelCache cache(folder, 1 << 20);
  cache.write("key", "content");
  chmod((folder + "/key").c_str(), 0666);
  EXPECT_FALSE(cache.read("key"));
  chmod((folder + "/key").c_str(), 0600);
  EXPECT_TRUE(cache.read("key"));
  chmod(folder.c_str(), 0777);
  EXPECT_FALSE(cache.read("key"));
  chmod(folder.c_str(), 0700);
  fs::rename(folder + "/key", folder + "/moved");
  fs::create_symlink("moved", folder + "/key");
  EXPECT_FALSE(cache.read("key"));
}

TEST_F(CacheTest, a_folder_that_cannot_be_is_no_error) {
  KernelCache nowhere("/proc/no/such/folder", 1 << 20);
  nowhere.write("key", "content");
  EXPECT_FALSE(nowhere.read("key"));
  KernelCache off("", 1 << 20);
  off.write("key", "content");
  EXPECT_FALSE(off.read("key"));
}

// A file system without room: /dev/full answers as one (full(4)), but is no folder; a limit on the size of files does.
TEST_F(CacheTest, a_write_that_fails_leaves_nothing) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    KernelCache(folder, 1 << 20).write("key", std::string(50'000, 'x'));
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST_F(CacheTest, many_processes_write_and_read_at_once) {
  constexpr int processes = 12, keys = 5, rounds = 60;
  auto content = [](int key) { return std::string(30'000 + static_cast<size_t>(key), static_cast<char>('a' + key)); };
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    children.push_back(fork());
    if (children.back()) continue;
    KernelCache cache(folder, 100'000);  // less than all keys together: files also go while others read
    bool good = true;
    for (int round = 0; round < rounds; ++round) {
      int key = (round + i) % keys;
      auto kept = cache.read(std::to_string(key));
      good = good && (!kept || *kept == content(key));
      if (!kept) cache.write(std::to_string(key), content(key));
    }
    _exit(good ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  for (const auto& entry : fs::directory_iterator(folder))
    EXPECT_NE(entry.path().filename().string().front(), '.') << "left behind: " << entry.path();
}

}  // namespace
