#include "exec/far/waiting_supervisor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/files.h"

namespace exec {
namespace {

// Who came by ssh leaves, and ssh waits for all that has its streams.
[[noreturn]] void become_supervisor(const std::string& job, int ours) {
  setsid();
  if (fork() != 0) _exit(0);
  const int null = open("/dev/null", O_RDWR);
  dup2(ours, 0);
  dup2(ours, 1);
  dup2(null, 2);
  close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  execl("/proc/self/exe", "outboard", "supervise-job", job.c_str(), nullptr);
  _exit(127);
}

}  // namespace

base::Result<WaitingSupervisor> WaitingSupervisor::start(const std::string& job) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return base::Error{"no descriptor is left"};
  base::Fd its(ends[1]);
  WaitingSupervisor made;
  made.socket_ = base::Fd(ends[0]);
  made.job_ = job;
  const pid_t between = fork();
  if (between == 0) become_supervisor(job, its.get());
  if (between > 0) waitpid(between, nullptr, 0);
  return made;
}

base::Status WaitingSupervisor::go(const std::string& folder) {
  char byte = 0;
  if (send(socket_.get(), &byte, 1, MSG_NOSIGNAL) != 1 || read(socket_.get(), &byte, 1) != 1)
    return base::Error{"the job's supervisor does not start: " + content_of(folder + log_name)};
  return base::Done{};
}

bool told_to_go() {
  char byte = 0;
  const bool told = read(0, &byte, 1) == 1;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, 0);
  close(null);
  return told;
}

void say_into(const std::string& log) {
  base::Fd file(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file.valid()) dup2(file.get(), 2);
}

}  // namespace exec
