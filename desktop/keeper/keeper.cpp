#include "desktop/keeper/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "desktop/keeper/child.h"
#include "desktop/keeper/desktops.h"
#include "desktop/keeper/display.h"
#include "desktop/keeper/render.h"
#include "desktop/keeper/sound_server.h"
#include "desktop/keeper/worker.h"
#include "desktop/listening.h"
#include "desktop/registry.h"

namespace desktop {
namespace {

constexpr int most_falls = 5;

class Keeper {
 public:
  explicit Keeper(const ServeOptions& options) : options_(options) {}
  // Until the session is over; an error says why it never was or how it fell.
  base::Status run();

 private:
  base::Status make_everything();
  base::Status make_sockets();
  base::Status start_worker();
  base::Status start_program();
  base::Status watch();
  base::Result<bool> reap();  // whether the session goes on
  base::Status hear_worker();
  base::Status handle(const std::string& line);
  void set_keymap(const std::string& name);
  void say_ready();

  const ServeOptions& options_;
  std::optional<registry::Place> place_;
  registry::Entry entry_;
  Display display_;
  RenderPath render_;
  SoundServer sound_;
  WorkerTask task_;
  base::Fd rdp_port_, rdp_socket_, control_, web_port_, worker_end_, signals_;
  std::string heard_;
  pid_t worker_ = 0, program_ = 0;
  Clock::time_point program_started_{};
  int falls_ = 0;
  bool ready_ = false;
};

base::Status Keeper::make_sockets() {
  if (!options_.no_port) {
    entry_.rdp_port = options_.port;
    rdp_port_ = TRY(listen_on_loopback(entry_.rdp_port));
  }
#ifdef OUTBOARD_DESKTOP_WEB
  if (!options_.no_web) web_port_ = TRY(listen_on_loopback(entry_.web_port));
#endif
  entry_.rdp_socket = place_->path() + "/rdp";
  entry_.control_socket = place_->path() + "/control";
  rdp_socket_ = TRY(listen_on_socket(entry_.rdp_socket));
  control_ = TRY(listen_on_socket(entry_.control_socket));
  return base::Done{};
}

base::Status Keeper::make_everything() {
  place_.emplace(TRY(registry::Place::make()));
  TRY(make_sockets());
  display_ = TRY(make_display(options_, place_->path()));
  render_ = choose_render_path(display_);
  if (!options_.no_sound) sound_ = make_sound_server(display_, place_->path());
  task_.options = options_;
  task_.display = display_.number;
  task_.source_name = display_.description;
  task_.authority = display_.authority;
  task_.render = render_.description;
  task_.sound_name = sound_.description;
  task_.resizable = display_.resizable;
  task_.own_display = display_.server != 0;
  task_.certificate = TRY(rdp::make_certificate());
  task_.credential = Credentials().make(0, Credentials::Seconds(0));
  task_.rdp_port = rdp_port_.get();
  task_.rdp_socket = rdp_socket_.get();
  task_.control = control_.get();
  task_.web_port = web_port_.get();
  task_.sound = sound_.pipe.get();
  entry_.id = place_->id();
  entry_.folder = place_->path();
  entry_.process = getpid();
  entry_.started = std::time(nullptr);
  entry_.display = display_.number;
  entry_.source = display_.description;
  entry_.program = options_.program;
  entry_.size = to_text(options_.size);
  entry_.render = render_.description;
  entry_.sound = options_.no_sound ? "none (not wanted)" : sound_.description;
  entry_.certificate = task_.certificate.fingerprint;
  entry_.user = task_.credential.user;
  entry_.password = task_.credential.password;
  return base::Done{};
}

base::Status Keeper::start_worker() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return base::Error{"no socket for the worker"};
  base::Fd mine(ends[0]), its(ends[1]);
  worker_ = fork();
  if (worker_ < 0) return base::Error{"cannot fork the worker"};
  if (worker_ == 0) {
    place_->forget();
    mine.close();
    worker_end_.close();
    task_.keeper = its.release();
    run_worker(task_);
  }
  worker_end_ = std::move(mine);
  heard_.clear();
  return base::Done{};
}

base::Status Keeper::start_program() {
  ChildOptions program;
  program.command = render_.prefix;
  std::string line = options_.program;
  if (line.empty() && display_.server) line = TRY(find_desktop());
  if (line.empty()) return base::Done{};  // an attached display has its own programs
  program.command.insert(program.command.end(), {"/bin/sh", "-c", line});
  program.environment = render_.environment;
  program.environment.insert(sound_.environment.begin(), sound_.environment.end());
  program.environment["DISPLAY"] = display_.number;
  if (!display_.authority.empty()) program.environment["XAUTHORITY"] = display_.authority;
  program.environment["XDG_SESSION_TYPE"] = "x11";
  program.log = place_->path() + "/program.log";
  program_ = TRY(spawn(program));
  program_started_ = Clock::now();
  return base::Done{};
}

void Keeper::say_ready() {
  if (options_.json) {
    std::printf("%s\n", registry::to_json(entry_).c_str());
  } else {
    std::printf("desktop %s on %s, %s\n", entry_.id.c_str(), entry_.source.c_str(), entry_.size.c_str());
    std::printf("  render  %s\n  encode  %s\n  sound   %s\n", entry_.render.c_str(), entry_.encode.c_str(),
                entry_.sound.c_str());
    if (entry_.rdp_port) std::printf("  rdp     127.0.0.1:%d\n", entry_.rdp_port);
    std::printf("  socket  %s\n  user    %s\n  password %s\n  certificate sha256:%s\n", entry_.rdp_socket.c_str(),
                entry_.user.c_str(), entry_.password.c_str(), entry_.certificate.c_str());
    if (entry_.rdp_port)
      std::printf(
          "  xfreerdp /v:127.0.0.1:%d /u:%s /cert:fingerprint:sha256:%s /gfx:AVC444 /dynamic-resolution +clipboard "
          "/sound\n",
          entry_.rdp_port, entry_.user.c_str(), entry_.certificate.c_str());  // it asks for the password
  }
  std::fflush(stdout);
}

// "ch(fr)": a layout and its variant. The worker may have fallen to its client: only names of layouts pass.
void Keeper::set_keymap(const std::string& name) {
  const size_t bracket = std::min(name.find('('), name.size());
  const std::string layout = name.substr(0, bracket), variant = name.substr(bracket);
  if (layout.find_first_not_of("abcdefghijklmnopqrstuvwxyz") != layout.npos || layout.empty()) return;
  if (variant.find_first_not_of("()abcdefghijklmnopqrstuvwxyz-") != variant.npos) return;
  ChildOptions setter;
  setter.command = {"setxkbmap", "-rules", "evdev", "-model", "pc105", "-layout", layout};
  if (variant.size() > 2)
    setter.command.insert(setter.command.end(), {"-variant", variant.substr(1, variant.size() - 2)});
  setter.environment = {{"DISPLAY", display_.number}, {"XAUTHORITY", display_.authority}};
  auto set = ask_program(setter, std::chrono::seconds(3));
  if (!set) base::log(base::Level::warn, "keymap", {{"name", name}, {"why", set.error()}});
}

base::Status Keeper::handle(const std::string& line) {
  const std::string word = line.substr(0, line.find(' ')), rest = line.substr(std::min(line.size(), word.size() + 1));
  if (word == "failed") return base::Error{rest};
  if (word == "encode") entry_.encode = rest;
  if (word == "keymap") set_keymap(rest);
  if (word == "ready" && !ready_) {
    ready_ = true;
    TRY(start_program());
    TRY(place_->write(entry_));
    say_ready();
  }
  return base::Done{};
}

base::Status Keeper::hear_worker() {
  char bytes[1024];
  const ssize_t got = recv(worker_end_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) worker_end_.close();  // its end is told by wait()
    return base::Done{};
  }
  heard_.append(bytes, static_cast<size_t>(got));
  for (size_t end; (end = heard_.find('\n')) != heard_.npos; heard_.erase(0, end + 1))
    TRY(handle(heard_.substr(0, end)));
  return base::Done{};
}

std::string how(int status) {
  if (WIFSIGNALED(status)) return std::string("signal ") + strsignal(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

base::Result<bool> Keeper::reap() {
  int status = 0;
  pid_t gone;
  while ((gone = waitpid(-1, &status, WNOHANG)) > 0) {
    if (gone == worker_) {
      if (worker_end_.valid()) TRY(hear_worker());  // its last words say why
      if (WIFEXITED(status) && WEXITSTATUS(status) == worker_was_asked_to_stop) return false;
      if (WIFEXITED(status) && WEXITSTATUS(status) == worker_cannot_begin)
        return base::Error{"the session's worker could not begin"};
      if (WIFEXITED(status) && WEXITSTATUS(status) == worker_lost_its_display)
        return base::Error{"the session's display ended"};
      base::log(base::Level::error, "worker-fell", {{"how", how(status)}});
      if (++falls_ > most_falls)
        return base::Error{"the session's worker fell " + std::to_string(falls_) + " times (" + how(status) + ")"};
      usleep(200'000);
      TRY(start_worker());
    } else if (gone == display_.server) {
      return base::Error{"the session's X server ended (" + how(status) + ")"};
    } else if (gone == program_) {
      const bool at_once = Clock::now() - program_started_ < std::chrono::seconds(5);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !at_once) return false;
      const std::string words = last_words(place_->path() + "/program.log");
      return base::Error{"the program ended" + std::string(at_once ? " at once" : "") + " (" + how(status) + ")" +
                         (words.empty() ? "" : ": " + words)};
    }
  }
  return true;
}

base::Status Keeper::watch() {
  for (;;) {
    pollfd ready[] = {
        {signals_.get(), POLLIN, 0}, {worker_end_.get(), POLLIN, 0}, {options_.until_end_of_input ? 0 : -1, POLLIN, 0}};
    poll(ready, 3, 1000);
    if (ready[1].revents) TRY(hear_worker());
    signalfd_siginfo signal_info;
    while (read(signals_.get(), &signal_info, sizeof signal_info) == sizeof signal_info)
      if (signal_info.ssi_signo != SIGCHLD) return base::Done{};
    if (!TRY(reap())) return base::Done{};
    char byte[256];
    if (ready[2].revents && read(0, byte, sizeof byte) <= 0) return base::Done{};
  }
}

base::Status Keeper::run() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int each : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, each);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_ = base::Fd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  TRY(make_everything());
  TRY(start_worker());
  return watch();
}

}  // namespace

int keep_session(const ServeOptions& options) {
  base::Status done = base::Done{};
  {
    Keeper keeper(options);
    done = keeper.run();
    end_children();
  }
  if (done) return 0;
  if (options.json)
    std::printf(
        "%s\n",
        nlohmann::json{{"error", done.error()}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fprintf(stderr, "outboard: %s\n", done.error().c_str());
  return 1;
}

}  // namespace desktop
