#include "cli/place_work.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "cli/place.h"
#include "link/handover.h"

namespace cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds first_visit{120};  // after the job's start
constexpr std::chrono::seconds linger{2};         // for those who watch the end of a program

struct WorkOptions {
  std::string file, seconds, generation;
};

// The lease's name, and that of the door beside it.
sockaddr_un door_of(const std::string& file) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  const std::string path = file + ".door";
  if (path.size() < sizeof at.sun_path) std::memcpy(at.sun_path, path.data(), path.size());
  return at;
}

class Work {
 public:
  explicit Work(const WorkOptions& options) : options_(options), at_(door_of(options.file)) {}
  ~Work() { unlink(at_.sun_path); }

  base::Status open() {
    TRY(own_folder(options_.file));
    door_ = base::Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    unlink(at_.sun_path);
    if (bind(door_.get(), reinterpret_cast<sockaddr*>(&at_), sizeof at_) < 0 || listen(door_.get(), 16) < 0)
      return base::Error{std::string("no door for clients in ") + at_.sun_path + ": " + std::strerror(errno)};
    return base::Done{};
  }

  // Until the programs have ended, and nobody is here. The exit code of the last one.
  int run() {
    for (auto ends = Clock::now() + first_visit; Clock::now() < ends;) {
      pollfd knock{door_.get(), POLLIN, 0};
      if (poll(&knock, 1, 200) > 0) let_in();
      if (reap()) ends = Clock::now() + linger;
    }
    return came_ ? code_ : fail("nobody came to this place");
  }

 private:
  // A visitor brings his standard input, output and error, for a server of his own.
  void let_in() {
    base::Fd visitor(accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::vector<base::Fd> streams;
    char byte;
    if (!visitor.valid() || links::receive_with(visitor.get(), &byte, 1, streams) != 1 || streams.size() != 3) return;
    came_ = true;
    const pid_t server = fork();
    if (server == 0) become_server(streams);
    if (server > 0) servers_.emplace(server, std::move(visitor));
  }

  [[noreturn]] void become_server(const std::vector<base::Fd>& streams) {
    for (int to = 0; to < 3; ++to) dup2(streams[static_cast<size_t>(to)].get(), to);
    const std::string lease = "file:" + options_.file + "," + options_.seconds;
    execl("/proc/self/exe", "outboard", "serve", "--stdio", "--exec", "--lease", lease.c_str(), "--generation",
          options_.generation.c_str(), nullptr);
    _exit(127);
  }

  // Whether anybody is here. Supervisors, whose servers have left them, are our children, too.
  bool reap() {
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
      if (!servers_.erase(pid)) code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return pid == 0;
  }

  const WorkOptions& options_;
  sockaddr_un at_;
  base::Fd door_;
  std::map<pid_t, base::Fd> servers_;  // and their visitors, who stay until they have ended
  bool came_ = false;
  int code_ = 0;
};

int work(const WorkOptions& options) {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  std::signal(SIGTERM, [](int) {});  // Slurm's, and everybody's here: we stay until the programs have ended
  Work work(options);
  base::Status open = work.open();
  return open ? work.run() : fail(open.error());
}

// Slurm ends a step when its first process ends: it stays as long as its server does.
int meet(const WorkOptions& options) {
  const sockaddr_un at = door_of(options.file);
  base::Fd door(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (int waited = 0; connect(door.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) < 0; ++waited) {
    if (waited == 100) return fail(std::string("nobody answers at ") + at.sun_path);
    poll(nullptr, 0, 100);  // the job's script has just begun
  }
  char byte = 0;
  iovec piece[] = {{&byte, 1}};
  const int streams[] = {0, 1, 2};
  if (!links::send_with(door.get(), piece, streams)) return fail("the job's script has ended");
  for (int stream : streams) close(stream);
  while (read(door.get(), &byte, 1) < 0 && errno == EINTR) {
  }
  return 0;
}

}  // namespace

void add_place_work(CLI::App& place, Commands& commands) {
  auto options = std::make_shared<WorkOptions>();
  auto add = [&](const char* name, const char* what, int (*body)(const WorkOptions&)) {
    auto* command = place.add_subcommand(name, what);
    command->add_option("file", options->file, "The lease")->required();
    commands.emplace_back(command, [options, body] { return body(*options); });
    return command;
  };
  auto* working = add("work", "Stay while programs run that were sent here", work);
  working->add_option("seconds", options->seconds, "The lease's length")->required();
  working->add_option("generation", options->generation, "Of its servers")->required();
  add("meet", "Be served by the process that stays", meet);
}

}  // namespace cli
