#include "cli/run_in_place.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "cli/run.h"
#include "link/helper.h"
#include "reach/bootstrap/bootstrap.h"
#include "reach/slurm/shared.h"

namespace cli {
namespace {

using Use = reach::Place::Use;

constexpr int grace_ms = 2000;  // for a program that shall begin anew
// That the place may take to show that it is why a program has failed.
constexpr std::chrono::milliseconds notice{500}, notice_again{5000};

// The program, while it runs.
class Running {
 public:
  explicit Running(const std::function<int()>& body) : pid_(fork()) {
    if (pid_ != 0) return;
    take_signals_back();
    const int code = body();
    std::fflush(nullptr);
    _exit(code);
  }
  std::optional<int> ended() {
    int status = 0;
    if (!code_ && pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_)
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return pid_ > 0 ? code_ : 126;
  }
  void pass_on(int signal) { kill(pid_, signal); }
  void end() {
    pass_on(SIGTERM);
    for (int waited = 0; waited < grace_ms && !ended(); waited += 20) poll(nullptr, 0, 20);
    if (!ended()) pass_on(SIGKILL);
    while (!ended()) poll(nullptr, 0, 10);
  }

 private:
  static void take_signals_back() {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal : {SIGINT, SIGQUIT, SIGPIPE}) std::signal(signal, SIG_DFL);
  }

  pid_t pid_;
  std::optional<int> code_;
};

// While we wait for a place: whoever stops us has left, and the job is cancelled.
std::atomic<int> door{-1};

void close_door(int) { shutdown(door, SHUT_RDWR); }

// Terminal signals reach the program by themselves; it decides, and we stay until it has.
base::Fd take_signals() {
  for (int signal : {SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGQUIT, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return base::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// What came for the program over the signalfd of take_signals().
void pass_signals_on(int signals, Running& program) {
  signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD) program.pass_on(static_cast<int>(info.ssi_signo));
}

// Until the program has ended, or the place is gone and the program shall end with it. Nothing: the latter.
std::optional<int> watch(Running& program, reach::Place& place, reach::SharedPlace& shared, int signals, bool ends) {
  std::optional<std::chrono::steady_clock::time_point> failed;  // a program whose device is gone often ends before us
  for (bool stands = true;;) {
    if (auto code = program.ended()) {
      if (!stands || *code == 0) return code;
      if (!failed) failed = std::chrono::steady_clock::now();
      if (std::chrono::steady_clock::now() > *failed + (ends ? notice_again : notice)) return code;
    }
    pollfd watched[] = {{signals, POLLIN, 0},
                        {stands ? place.descriptor() : -1, POLLIN, 0},
                        {stands ? shared.descriptor() : -1, POLLIN, 0}};
    poll(watched, 3, stands ? failed ? 100 : place.due_ms() : -1);
    if (watched[0].revents) pass_signals_on(signals, program);
    if (watched[2].revents) shared.accept();
    if (!stands || place.tick()) continue;
    std::fprintf(stderr, "outboard: %s\n", place.reason().c_str());
    shared.end();
    stands = false;
    if (ends) return std::nullopt;
  }
}

// Waits for a place; whoever stops us meanwhile has left. `program`: nobody waits for this place but we.
base::Result<std::unique_ptr<reach::Place>> take_place(const links::Address& address, reach::Program& program,
                                                       const std::vector<std::string>& command, reach::Place::Use use) {
  std::signal(SIGPIPE, SIG_IGN);
  for (int signal : {SIGTERM, SIGHUP, SIGINT}) std::signal(signal, close_door);
  return reach::Place::take(address, program, command, use);
}

// A program's end of a socket whose other end is the door.
base::Result<reach::Program> open_door() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return base::Error{std::strerror(errno)};
  door = ends[1];
  return reach::Program{base::Fd(ends[0])};
}

}  // namespace

int run_in_place(const links::Address& address, const Guest& guest) {
  const bool again = links::in_query(address.query, "requeue") == "1";
  auto nobody = open_door();
  if (!nobody) return fail(nobody.error(), misused);
  auto place = take_place(address, nobody.value(), guest.command, guest.leaves_jobs ? Use::jobs : Use::sessions);
  if (!place) return fail(place.error(), misused);
  base::Fd signals = take_signals();
  for (;;) {
    auto shared = reach::SharedPlace::open(*place.value());
    if (!shared) return fail(shared.error(), misused);
    setenv(reach::place_variable, shared.value().path().c_str(), 1);
    Running program([&] { return guest.body(*place.value()); });
    const bool ends = again || guest.goes_with_place;
    if (auto code = watch(program, *place.value(), shared.value(), signals.get(), ends)) {
      if (guest.leaves_jobs && *code == 0) place.value()->leave();
      return *code;
    }
    program.end();
    if (!again) return 125;
    base::Status back = place.value()->take_again(nobody.value());
    if (!back) return fail(back.error(), misused);
    std::fprintf(stderr, "outboard: job %llu runs again, on %s; the program starts from the beginning\n",
                 static_cast<unsigned long long>(place.value()->job()), place.value()->nodes().c_str());
  }
}

// An `outboard run` there takes the place by the job's number.
int run_in_client_half(const links::Address& address, const std::vector<std::string>& command) {
  if (links::in_query(address.query, "requeue") == "1")
    return fail("requeue=1 does not go with client=PARTITION: the client's node may fail, too", misused);
  if (reach::wants_bootstrap())
    return fail(
        "--bootstrap does not go with client=PARTITION: the program's node needs Outboard, too, at the path that it "
        "has here",
        misused);
  auto nobody = open_door();
  if (!nobody) return fail(nobody.error(), misused);
  auto place = take_place(address, nobody.value(), command, Use::by_number);
  if (!place) return fail(place.error(), misused);
  const std::string job = std::to_string(place.value()->job());
  std::vector<std::string> words = {"srun",       "--jobid=" + job, "--het-group=1",       "--overlap",
                                    "--ntasks=1", "--quiet",        "--unbuffered",        links::outboard_program(),
                                    "run",        "--on",           "slurm://?job=" + job, "--"};
  words.insert(words.end(), command.begin(), command.end());
  setenv(reach::place_name_variable, place.value()->name().c_str(), 1);
  base::Fd signals = take_signals();
  Running program([&] { return become(words); });
  for (;;) {
    if (auto code = program.ended()) return *code;
    pollfd watched{signals.get(), POLLIN, 0};
    poll(&watched, 1, -1);
    pass_signals_on(signals.get(), program);
  }
}

}  // namespace cli
