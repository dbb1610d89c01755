// A real server for each test, on a socket of its own.
#pragma once
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "client/target.h"
#include "link/address.h"

namespace hostile {

namespace fs = std::filesystem;

// A server of its own for every test.
class Server : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("outboard-hostile-" + std::to_string(getpid()));
    fs::create_directory(folder_);
    target_ = address();
    server_ = fork();
    if (server_ == 0) {
      freopen((folder_ / "log").c_str(), "w", stderr);
      const char* device = getenv("OUTBOARD_TEST_DEVICE");
      execl(OUTBOARD, OUTBOARD, "serve", "--grace", "1", "--device", device ? device : "cpu", "--listen",
            target_.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 200 && log().find("listening") == std::string::npos; ++i) usleep(20000);
  }
  void TearDown() override {
    kill(server_, SIGTERM);
    int status = 0;
    waitpid(server_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << log();
    EXPECT_EQ(log().find("worker-killed"), std::string::npos) << log();
    fs::remove_all(folder_);
  }

  virtual std::string address() const { return "unix:" + (folder_ / "socket").string(); }
  std::string log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  links::Link connect() { return std::move(links::connect(links::parse(target_).value(), 2000).value()); }
  links::Link greeted() {
    auto greeted = client::greet(target_, "hostile", 10000);
    EXPECT_TRUE(greeted.ok()) << greeted.error();
    return std::move(greeted.value().link);
  }
  // The next client is served as if nothing had been.
  void expect_served() {
    auto next = client::greet(target_, "next", 10000);
    ASSERT_TRUE(next.ok()) << next.error() << log();
    EXPECT_EQ(next.value().welcome.inventory.devices.size(), 1u);
  }
  std::vector<pid_t> workers() const {
    std::ifstream children("/proc/" + std::to_string(server_) + "/task/" + std::to_string(server_) + "/children");
    std::vector<pid_t> found;
    for (pid_t pid; children >> pid;) found.push_back(pid);
    return found;
  }
  bool all_workers_gone() const {
    for (int i = 0; i < 250 && !workers().empty(); ++i) usleep(20000);
    return workers().empty();
  }

  fs::path folder_;
  std::string target_;
  pid_t server_ = 0;
};

}  // namespace hostile
