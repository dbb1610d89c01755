#include "server/clocks.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>

#include "base/fd.h"

namespace server {
namespace {

uint64_t nanoseconds(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

uint64_t processor_ns(pid_t process) {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return nanoseconds(time);
}

uint64_t waited_ns(pid_t process) {
  std::string folder = "/proc/" + std::to_string(process) + "/task";
  std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir(folder.c_str()), closedir);
  uint64_t all = 0;
  while (const dirent* task = tasks ? readdir(tasks.get()) : nullptr) {
    if (task->d_name[0] == '.') continue;
    base::Fd file(openat(dirfd(tasks.get()), (std::string(task->d_name) + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC));
    char text[96] = {};
    if (!file.valid() || read(file.get(), text, sizeof text - 1) <= 0) continue;
    char* rest = nullptr;
    std::strtoull(text, &rest, 10);  // time on a processor
    all += std::strtoull(rest, nullptr, 10);
  }
  return all;
}

uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return nanoseconds(time);
}

}  // namespace server
