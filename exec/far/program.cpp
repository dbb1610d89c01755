#include "exec/far/program.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

#include "base/fd.h"

namespace exec {
namespace {

// What the child tells before it becomes the program; the pipe closes when it does.
struct Report {
  enum What : int { weak, folder, exec } what;
  int error;
  char text[256];
};

struct Streams {
  base::Fd input, out, err;  // the program's
  base::Fd ours_in, ours_out, ours_err;
  std::string terminal;  // its name
};

bool make_pipe(base::Fd& reading, base::Fd& writing) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  reading = base::Fd(ends[0]);
  writing = base::Fd(ends[1]);
  return true;
}

void do_not_wait(const base::Fd& file) { fcntl(file.get(), F_SETFL, fcntl(file.get(), F_GETFL) | O_NONBLOCK); }

bool make_terminal(Streams& streams) {
  streams.ours_out = base::Fd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[128];
  if (!streams.ours_out.valid() || grantpt(streams.ours_out.get()) || unlockpt(streams.ours_out.get()) ||
      ptsname_r(streams.ours_out.get(), name, sizeof name))
    return false;
  streams.terminal = name;
  streams.ours_in = base::Fd(fcntl(streams.ours_out.get(), F_DUPFD_CLOEXEC, 3));
  streams.input = base::Fd(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  return streams.input.valid();
}

bool make_streams(const Launch& launch, Streams& streams) {
  if (launch.terminal) return make_terminal(streams);
  bool good = make_pipe(streams.ours_out, streams.out) && make_pipe(streams.ours_err, streams.err);
  for (base::Fd* pipe : {&streams.ours_out, &streams.ours_err}) fcntl(pipe->get(), F_SETPIPE_SZ, 1 << 20);
  if (!launch.no_input) {
    good = good && make_pipe(streams.input, streams.ours_in);
    fcntl(streams.ours_in.get(), F_SETPIPE_SZ, 1 << 20);
    return good;
  }
  streams.input = base::Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return good;
}

[[noreturn]] void give_up(int report, Report::What what, int error, const std::string& text = {}) {
  Report told{what, error, {}};
  text.copy(told.text, sizeof told.text - 1);
  if (write(report, &told, sizeof told) < 0) _exit(126);
  _exit(what == Report::exec && error == ENOENT ? 127 : 126);
}

void take_streams(const Streams& streams) {
  setsid();
  const bool terminal = !streams.terminal.empty();
  if (terminal) ioctl(streams.input.get(), TIOCSCTTY, 0);
  dup2(streams.input.get(), 0);
  dup2(terminal ? streams.input.get() : streams.out.get(), 1);
  dup2(terminal ? streams.input.get() : streams.err.get(), 2);
}

std::vector<std::string> environment_of(const Launch& launch) {
  std::map<std::string, std::string> last;
  for (const auto& [name, value] : launch.environment) last[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : last) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> made;
  for (const std::string& text : texts) made.push_back(const_cast<char*>(text.c_str()));
  made.push_back(nullptr);
  return made;
}

[[noreturn]] void become(const Launch& launch, const Confinement& confinement, const Streams& streams, int report,
                         pid_t supervisor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(126);
  take_streams(streams);
  umask(022);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  if (chdir(launch.folder.c_str()) < 0) give_up(report, Report::folder, errno);
  base::Status confined = confinement.enter();
  if (!confined) {
    Report told{Report::weak, 0, {}};
    confined.error().copy(told.text, sizeof told.text - 1);
    if (write(report, &told, sizeof told) < 0) _exit(126);
  }
  const auto lines = environment_of(launch);
  execve(launch.path.c_str(), pointers(launch.arguments).data(), pointers(lines).data());
  give_up(report, Report::exec, errno);
}

NotStarted explain(const Launch& launch, const Report& report) {
  const std::string reason = std::strerror(report.error);
  if (report.what == Report::folder) return {126, "cannot enter the folder of the job: " + reason};
  if (report.error == ENOENT)
    return {127,
            "cannot run " + launch.arguments[0] + ": it, or the interpreter that its first line names, is not there"};
  if (report.error == ENOEXEC)
    return {126,
            "cannot run " + launch.arguments[0] + ": it is neither a program nor a script with a first line #!..."};
  return {126, "cannot run " + launch.arguments[0] + ": " + reason};
}

}  // namespace

void set_window(int terminal, unsigned rows, unsigned columns) {
  winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0, 0};
  ioctl(terminal, TIOCSWINSZ, &size);
}

std::variant<Running, NotStarted> start_program(const Launch& launch, const Confinement& confinement) {
  Streams streams;
  base::Fd reading, writing;
  if (!make_streams(launch, streams) || !make_pipe(reading, writing))
    return NotStarted{126, std::string("cannot make streams for the program: ") + std::strerror(errno)};
  if (launch.terminal) set_window(streams.ours_out.get(), launch.rows, launch.columns);
  const pid_t self = getpid(), process = fork();
  if (process == 0) become(launch, confinement, streams, writing.get(), self);
  if (process < 0) return NotStarted{126, std::string("cannot start a process: ") + std::strerror(errno)};
  writing.close();
  Running running{process, std::move(streams.ours_in), std::move(streams.ours_out), std::move(streams.ours_err), {}};
  for (Report report{}; read(reading.get(), &report, sizeof report) == sizeof report;) {
    if (report.what == Report::weak) {
      running.weak = report.text;
      continue;
    }
    waitpid(process, nullptr, 0);
    return explain(launch, report);
  }
  for (const base::Fd* file : {&running.input, &running.out, &running.err})
    if (file->valid()) do_not_wait(*file);
  return running;
}

}  // namespace exec
