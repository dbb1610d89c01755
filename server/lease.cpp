#include "server/lease.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "base/fd.h"
#include "base/log.h"

extern char** environ;

namespace server {
namespace {

constexpr int64_t second = 1'000'000'000;
constexpr int64_t longest = 3600;  // seconds
constexpr int looks = 10;          // at the source, in a lease's length

struct Source {
  enum class Kind { file, command, standard_input } kind;
  std::string what;
  int64_t length;  // nanoseconds
};

base::Result<Source> parse(const std::string& text) {
  const base::Error wrong{"'" + text +
                          "' is no lease; write file:PATH,SECONDS, command:WORDS,SECONDS or stdin,SECONDS"};
  size_t comma = text.rfind(',');
  char* end = nullptr;
  double seconds = comma == text.npos ? 0 : std::strtod(text.c_str() + comma + 1, &end);
  if (!end || *end || !(seconds >= 0.5 && seconds <= longest)) return wrong;
  Source source{Source::Kind::standard_input, text.substr(0, comma), static_cast<int64_t>(seconds * second)};
  if (source.what == "stdin") return source;
  for (auto [kind, prefix] : {std::pair(Source::Kind::file, "file:"), std::pair(Source::Kind::command, "command:")})
    if (source.what.starts_with(prefix) && source.what.size() > std::strlen(prefix)) {
      source.kind = kind;
      source.what.erase(0, std::strlen(prefix));
      return source;
    }
  return wrong;
}

// Of the source, what renews: each gives the time from which the lease counts anew, 0: not renewed, -1: it is over.
class Renewals {
 public:
  explicit Renewals(const Source& source) : source_(source), looked_ns_(Lease::now_ns()) {}

  int64_t next() {
    switch (source_.kind) {
      case Source::Kind::file: return look_at_file();
      case Source::Kind::command: return run_command();
      case Source::Kind::standard_input: return read_input();
    }
    return -1;
  }

 private:
  void pause() const { poll(nullptr, 0, static_cast<int>(source_.length / looks / 1'000'000)); }

  // Touched some time since the last look, so it counts from that.
  int64_t look_at_file() {
    if (touched_ns_) pause();
    const int64_t before = std::exchange(looked_ns_, Lease::now_ns());
    struct stat facts {};
    if (stat(source_.what.c_str(), &facts) != 0) return touched_ns_ ? -1 : (pause(), 0);
    const int64_t touched = facts.st_mtim.tv_sec * second + facts.st_mtim.tv_nsec;
    const bool first = !touched_ns_;
    if (touched == touched_ns_) return 0;
    touched_ns_ = touched;
    if (!first) return before;
    timespec today{};
    clock_gettime(CLOCK_REALTIME, &today);
    return looked_ns_ - std::max<int64_t>(0, today.tv_sec * second + today.tv_nsec - touched);
  }

  int64_t run_command() {
    if (ran_) pause();
    ran_ = true;
    const int64_t begun = Lease::now_ns();
    std::string shell = "sh", option = "-c";
    char* arguments[] = {shell.data(), option.data(), source_.what.data(), nullptr};
    pid_t child = 0;
    if (posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments, environ)) return 0;
    int status = 1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0 ? begun : 0;
  }

  int64_t read_input() {
    pollfd waiting{0, POLLIN, 0};
    const int64_t before = std::exchange(looked_ns_, Lease::now_ns());
    if (poll(&waiting, 1, static_cast<int>(source_.length / looks / 1'000'000)) <= 0) return 0;
    char bytes[256];
    return read(0, bytes, sizeof bytes) > 0 ? before : -1;
  }

  Source source_;
  int64_t looked_ns_, touched_ns_ = 0;
  bool ran_ = false;
};

[[noreturn]] void renew(const Source& source, std::atomic<int64_t>& until) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_IGN);  // the server's, which says good-bye first
  // A client may be on the other side of these.
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (source.kind != Source::Kind::standard_input) dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  Renewals renewals(source);
  for (const int64_t patience = Lease::now_ns() + source.length;;) {
    const int64_t from = renewals.next(), now = Lease::now_ns(), end = until.load();
    if (from < 0) until = 0;
    if (from < 0 || (end && now >= end) || (!end && now >= patience)) _exit(0);
    if (from > 0 && from + source.length > end) until = from + source.length;
  }
}

}  // namespace

int64_t Lease::now_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * second + now.tv_nsec;
}

base::Result<Lease> Lease::take(const std::string& text) {
  Source source = TRY(parse(text));
  base::Fd file(memfd_create("outboard-lease", MFD_CLOEXEC));
  const std::string again = "/proc/self/fd/" + std::to_string(file.get());
  base::Fd to_read(open(again.c_str(), O_RDONLY | O_CLOEXEC));
  constexpr size_t page = 4096;
  if (!file.valid() || !to_read.valid() || ftruncate(file.get(), page) != 0)
    return base::Error{std::string("no memory for a lease: ") + std::strerror(errno)};
  void* reading = mmap(nullptr, page, PROT_READ, MAP_SHARED, to_read.get(), 0);
  pid_t pid = reading == MAP_FAILED ? -1 : fork();
  if (pid == 0) {
    void* writing = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (writing == MAP_FAILED) _exit(1);
    close_range(3, ~0u, 0);
    renew(source, *static_cast<std::atomic<int64_t>*>(writing));
  }
  if (pid < 0) return base::Error{std::string("no process for a lease: ") + std::strerror(errno)};
  Lease lease;
  lease.until_ = static_cast<const std::atomic<int64_t>*>(reading);
  for (const int64_t patience = now_ns() + source.length; !lease.held() && now_ns() < patience;) poll(nullptr, 0, 10);
  if (lease.held()) return lease;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return base::Error{"the lease " + text + " is not renewed; a server without it would serve beside its successor"};
}

bool Lease::held() const { return now_ns() < until_->load(std::memory_order_acquire); }

void Lease::end_with_it() const {
  std::thread([lease = *this] {
    while (lease.held()) poll(nullptr, 0, 50);
    base::log(base::Level::error, "lease-lost", {{"then", "this process ends"}});
    _exit(lease_lost);
  }).detach();
}

}  // namespace server
