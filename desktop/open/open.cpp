#include "desktop/open/open.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "client/service.h"
#include "desktop/listening.h"
#include "desktop/open/far_side.h"
#include "desktop/open/tunnel.h"
#include "desktop/open/viewer.h"
#include "desktop/registry.h"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgets to say that it is C
}

extern char** environ;

namespace desktop {

namespace {

using Json = nlohmann::json;

constexpr int start_ms = 90'000, ask_ms = 10'000, end_ms = 3000;

// Waits for the far side on this machine, which ends when the link to it does.
struct FarProcess {
  pid_t process = -1;
  ~FarProcess() {
    if (process > 0) waitpid(process, nullptr, 0);
  }
};

// This machine's own far side: the same service, without a server.
base::Result<links::Link> open_here(pid_t& process) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return base::Error{"no descriptors are left"};
  base::Fd near(ends[0]), far(ends[1]);
  process = fork();
  if (process < 0) return base::Error{std::string("no process for the session: ") + std::strerror(errno)};
  if (process == 0) {
    near.close();
    setpgid(0, 0);  // Ctrl-C is for the near side, which ends this one by leaving
    _exit(offer_session(links::Link(std::move(far))));
  }
  return links::Link(std::move(near));
}

// A program with an input of its own, in a group of its own: Ctrl-C comes to us, and we end it.
class Child {
 public:
  ~Child() { end(); }

  base::Status start(const std::vector<std::string>& words, const std::string& input) {
    int in[2];
    if (pipe2(in, O_CLOEXEC) != 0) return base::Error{"no descriptors are left"};
    base::Fd its_input(in[0]), our_end(in[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, its_input.get(), 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int error = posix_spawnp(&process_, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) {
      process_ = -1;
      return base::Error{"cannot start " + words[0] + ": " + std::strerror(error)};
    }
    exit_ = base::Fd(pidfd_open(process_, 0));
    if (!input.empty()) (void)!write(our_end.get(), input.data(), input.size());
    return base::Done{};
  }

  int exit() const { return exit_.get(); }
  bool running() const { return process_ > 0; }
  void end() {
    if (process_ <= 0) return;
    for (int signal : {SIGTERM, SIGKILL}) {
      pollfd gone{exit_.get(), POLLIN, 0};
      if (poll(&gone, 1, 0) > 0) break;
      kill(-process_, signal);
      if (poll(&gone, 1, end_ms) > 0) break;
    }
    waitpid(process_, nullptr, 0);
    process_ = -1;
    exit_.close();
  }

 private:
  pid_t process_ = -1;
  base::Fd exit_;
};

void run_briefly(const std::vector<std::string>& words) {
  if (words.empty()) return;
  Child child;
  if (!child.start(words, "")) return;
  pollfd gone{child.exit(), POLLIN, 0};
  poll(&gone, 1, ask_ms);
}

// What is said when it is over; empty: nothing, it was wanted.
std::string wait_for_end(Tunnel& tunnel, int listener, int signals, Child& viewer, const char* way) {
  bool viewer_ended = false;
  for (;;) {
    pollfd watched[] = {{tunnel.over(), POLLIN, 0},
                        {signals, POLLIN, 0},
                        {listener, POLLIN, 0},
                        {viewer_ended ? -1 : viewer.exit(), POLLIN, 0}};
    if (poll(watched, 4, viewer_ended ? 200 : -1) < 0 && errno != EINTR) return "poll failed";
    if (watched[0].revents) return "the session has ended";
    if (watched[1].revents) return "";
    if (watched[2].revents) {
      base::Fd came(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      if (came.valid()) (void)tunnel.carry(std::move(came), way);
    }
    // A program that hands its work to another leaves connections behind.
    viewer_ended |= watched[3].revents != 0;
    if (viewer_ended && tunnel.connections() == 0) return "";
  }
}

base::Result<std::string> ask(Tunnel& tunnel, const Json& question, int timeout_ms) {
  std::string line = TRY(tunnel.ask(question.dump(-1, ' ', false, Json::error_handler_t::replace), timeout_ms));
  Json answer = Json::parse(line, nullptr, false);
  if (!answer.is_object()) return base::Error{"the far side gave an answer that is not JSON"};
  if (auto error = answer.find("error"); error != answer.end() && error->is_string())
    return base::Error{error->get<std::string>()};
  return line;
}

Json start_question(const OpenOptions& options) {
  Json question = {{"do", "start"}};
  if (!options.program.empty()) question["program"] = options.program;
  if (!options.size.empty()) question["size"] = options.size;
  return question;
}

base::Fd catch_signals() {
  sigset_t caught;
  sigemptyset(&caught);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&caught, signal);
  pthread_sigmask(SIG_BLOCK, &caught, nullptr);  // before the threads, which inherit it
  return base::Fd(signalfd(-1, &caught, SFD_CLOEXEC));
}

}  // namespace

base::Status open(const OpenOptions& options) {
  const Surroundings here = Surroundings::here();
  const Viewer viewer = TRY(choose_viewer(options.client, here));
  int port = 0;
  base::Fd listener = TRY(listen_on_loopback(port));
  fcntl(listener.get(), F_SETFL, O_NONBLOCK);  // who came may have left before it is accepted
  std::signal(SIGPIPE, SIG_IGN);
  FarProcess far;
  links::Link link =
      TRY(options.target == "local" ? open_here(far.process) : client::open_service(options.target, "desktop"));
  base::Fd signals = catch_signals();
  Tunnel tunnel(std::move(link), {});
  auto entry = TRY(registry::from_json(TRY(ask(tunnel, start_question(options), start_ms))));
  Door door{port, entry.user, entry.password, entry.certificate, "", options.size};
  if (viewer.is_web()) {
    std::string answer = TRY(ask(tunnel, {{"do", "token"}}, ask_ms));
    door.token = Json::parse(answer, nullptr, false).value("token", "");
  }
  const Call call = call_of(viewer, door, here);
  std::fprintf(stderr, "outboard: desktop %s on %s: render: %s · encode: %s\n", entry.id.c_str(),
               options.target.c_str(), entry.render.c_str(), entry.encode.c_str());
  if (!call.say.empty()) std::fprintf(stderr, "outboard: %s\n", call.say.c_str());
  run_briefly(call.before);
  Child child;
  base::Status started = call.words.empty() ? base::Done{} : child.start(call.words, call.input);
  // A browser is not ours to wait for.
  Child nobody;
  std::string said = started ? wait_for_end(tunnel, listener.get(), signals.get(), viewer.is_web() ? nobody : child,
                                            viewer.is_web() ? "web" : "rdp")
                             : started.error();
  run_briefly(call.after);
  if (!said.empty()) return base::Error{said};
  return base::Done{};
}

}  // namespace desktop
