// Children that probe, and the loop that reads what they say.
#include "doctor/probes/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/fd.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

using Clock = std::chrono::steady_clock;

// Each driver's own switch: CUDA, NVIDIA's OpenGL, Mesa (two names), PoCL, Intel's and AMD's compilers.
constexpr std::array<std::pair<const char*, const char*>, 8> no_caches = {{{"CUDA_CACHE_DISABLE", "1"},
                                                                           {"__GL_SHADER_DISK_CACHE", "0"},
                                                                           {"MESA_SHADER_CACHE_DISABLE", "true"},
                                                                           {"MESA_GLSL_CACHE_DISABLE", "true"},
                                                                           {"POCL_KERNEL_CACHE", "0"},
                                                                           {"POCL_CACHE_DIR", "/proc/self/none"},
                                                                           {"NEO_CACHE_PERSISTENT", "0"},
                                                                           {"AMD_COMGR_CACHE", "0"}}};
constexpr size_t most_bytes = 16 << 20;  // from one probe
constexpr int tick = 20;                 // milliseconds between looks at children whose pipe stays open

struct Child {
  const Probe* probe;
  pid_t process = -1;
  base::Fd pipe;
  Clock::time_point deadline;
  std::string bytes;  // not yet a whole record
  size_t received = 0;
  std::set<std::string> asking;
  bool done = false;
  bool killed = false;  // and not yet waited for
  bool busy = false;    // when its time was over it was computing, or waiting for a processor: that is no hang
};

// In the child: silent, without core files, ending with the doctor, with the place's environment.
[[noreturn]] void become(const Probe& probe, const Place& place, int pipe) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  int nowhere = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(nowhere, fd);
  clearenv();
  for (const auto& [name, value] : place.environment) setenv(name.c_str(), value.c_str(), 1);
  // Drivers would write what they compile into the user's folders: a doctor leaves nothing behind.
  for (const auto& [name, value] : no_caches) setenv(name, value, 1);
  Sink sink(pipe);
  probe.run(place, sink);
  _exit(0);
}

Child start(const Probe& probe, const Place& place) {
  Child child;
  child.probe = &probe;
  child.deadline = Clock::now() + probe.limit;
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    child.done = true;
    return child;
  }
  child.pipe = base::Fd(ends[0]);
  base::Fd writing(ends[1]);
  child.process = fork();
  if (child.process == 0) become(probe, place, writing.get());
  if (child.process > 0) setpgid(child.process, child.process);  // both sides do: whoever comes first
  if (child.process < 0) child.done = true;
  fcntl(child.pipe.get(), F_SETFL, O_NONBLOCK);
  return child;
}

void take_records(Child& child, Facts& facts) {
  auto take = [&](Sink::Word word, std::string_view key, std::string_view text) {
    child.asking.erase(std::string(key));
    if (word == Sink::Word::value) facts.set(key, as_text(text));
    if (word == Sink::Word::unknown && !facts.has(key)) facts.set_unknown(key, as_text(text));
    if (word == Sink::Word::asking) child.asking.emplace(key);
  };
  child.bytes.erase(0, records(child.bytes, take));
}

// Reads what there is. False: the pipe has ended.
bool drain(Child& child, Facts& facts) {
  std::array<char, 65536> piece;
  while (child.received < most_bytes) {
    ssize_t size = ::read(child.pipe.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    child.received += static_cast<size_t>(size);
    child.bytes.append(piece.data(), static_cast<size_t>(size));
    take_records(child, facts);
  }
  return false;
}

std::string seconds(milliseconds time) {
  std::string tenths = std::to_string(time.count() / 100 % 10);
  return std::to_string(time.count() / 1000) + (tenths == "0" ? "" : "." + tenths) + " s";
}

void leave_unknown(Child& child, Facts& facts, const Failure& failure) {
  std::string reason = "the probe '" + failure.probe + "' has no answer: " + failure.why;
  for (const std::string& key : child.asking)
    if (failure.crashed || child.busy)
      facts.set_unknown(key, reason);
    else
      facts.set(key, "timeout");
  for (const std::string& key : split(child.probe->keys, ' '))
    if (!facts.has(key)) facts.set_unknown(key, reason);
}

// The child's end, as waitpid tells it; ends it when it is late. A child that even SIGKILL does not end (state D) is
// left.
void finish(Child& child, int status, bool late, Facts& facts, std::vector<Failure>& failures) {
  child.done = true;
  if (child.process > 0) kill(-child.process, SIGKILL);  // with the commands that it started
  bool crashed = !late && WIFSIGNALED(status);
  const char* signal_name = crashed ? sigabbrev_np(WTERMSIG(status)) : nullptr;
  if (!late && !crashed && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::string why = late      ? "it took longer than " + seconds(child.probe->limit)
                    : crashed ? std::string("it crashed (SIG") + (signal_name ? signal_name : "?") + ")"
                              : "it ended early";
  failures.push_back({child.probe->name, why, !late});
  leave_unknown(child, facts, failures.back());
}

// The letter after the name in parentheses (proc(5), /proc/PID/stat).
char state_of(pid_t process) {
  std::string stat = read(Place(), "/proc/" + std::to_string(process) + "/stat").text;
  size_t at = stat.rfind(") ");
  return at == std::string::npos || at + 2 >= stat.size() ? '?' : stat[at + 2];
}

void look_at(Child& child, Facts& facts, std::vector<Failure>& failures) {
  bool open = drain(child, facts);
  int status = 0;
  pid_t ended = waitpid(child.process, &status, WNOHANG);
  if (ended == child.process || (ended < 0 && errno == ECHILD)) {
    drain(child, facts);
    finish(child, ended < 0 ? 0 : status, false, facts, failures);
  } else if (Clock::now() >= child.deadline || (!open && child.received >= most_bytes)) {
    child.busy = state_of(child.process) == 'R';
    finish(child, 0, true, facts, failures);
    child.killed = true;
  }
}

void wait_for_news(const std::vector<Child>& children) {
  std::vector<pollfd> waits;
  for (const Child& child : children)
    if (!child.done) waits.push_back({child.pipe.get(), POLLIN, 0});
  poll(waits.data(), waits.size(), tick);
  // A pipe that has ended is always ready: its child is about to be gone.
  if (std::all_of(waits.begin(), waits.end(), [](const pollfd& wait) { return (wait.revents & POLLIN) == 0; }))
    usleep(500);
}

// Waits for those that were killed, but not for long: a process in the middle of a driver's call may never end.
void bury(std::vector<Child>& children) {
  for (int tries = 0; tries < 100; ++tries) {
    bool left = false;
    for (Child& child : children) {
      if (child.killed && waitpid(child.process, nullptr, WNOHANG) != 0) child.killed = false;
      left |= child.killed;
    }
    if (!left) return;
    usleep(1000);
  }
}

}  // namespace

std::vector<Failure> run(std::span<const Probe> probes, const Place& place, Facts& facts) {
  std::vector<Failure> failures;
  std::vector<Child> children;
  for (const Probe& probe : probes) {
    children.push_back(start(probe, place));
    if (!children.back().done) continue;
    failures.push_back({probe.name, "no process could be started (" + std::string(std::strerror(errno)) + ")", true});
    leave_unknown(children.back(), facts, failures.back());
  }
  auto running = [](const Child& child) { return !child.done; };
  while (std::any_of(children.begin(), children.end(), running)) {
    wait_for_news(children);
    for (Child& child : children)
      if (!child.done) look_at(child, facts, failures);
  }
  bury(children);
  return failures;
}

}  // namespace outboard::doctor::probes
