#include "desktop/keeper/worker.h"

#include <poll.h>
#include <seccomp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/log.h"
#include "desktop/capture/x11_source.h"
#include "desktop/input/x11_clipboard.h"
#include "desktop/input/x11_input.h"
#include "desktop/keeper/control.h"
#include "desktop/service.h"
#include "desktop/session.h"
#include "desktop/sound/pipe_audio.h"
#include "server/sandbox.h"

namespace desktop {
namespace {

using namespace std::chrono_literals;

void tell(int keeper, const std::string& line) {
  const std::string text = line + "\n";
  send(keeper, text.data(), text.size(), MSG_NOSIGNAL);
}

// Everything that opens files or connects to the X server, and nothing that starts a thread.
base::Result<Session::Parts> gather(const WorkerTask& task) {
  Session::Parts parts;
  parts.source = TRY(open_x11_source({task.display, task.source_name, task.resizable}));
  std::function<void(const std::string&)> set_keymap;
  if (task.own_display)
    set_keymap = [keeper = task.keeper](const std::string& name) { tell(keeper, "keymap " + name); };
  parts.input = TRY(open_x11_input(task.display, set_keymap));
  if (!task.options.no_clipboard) parts.clipboard = TRY(open_x11_clipboard(task.display));
  if (task.sound >= 0) parts.audio = read_audio(base::Fd(dup(task.sound)), task.sound_name);
  parts.encoders = Encoders::prove(task.options.encoder);
  parts.render = task.render;
  parts.stream.frames_per_second = task.options.frames_per_second;
  parts.stream.quality = task.options.quality;
  return parts;
}

// A GPU's encoder opens the driver's files and devices for every stream.
server::SandboxRooms rooms_of(const Encoders& encoders) {
  server::SandboxRooms rooms;
  rooms.read = {"/etc/localtime", "/usr/share/zoneinfo",     "/proc/self",  "/proc/cpuinfo",
                "/proc/meminfo",  "/sys/devices/system/cpu", "/dev/urandom"};  // libwebsockets opens it
  rooms.calls = {SCMP_SYS(accept4),
                 SCMP_SYS(timerfd_create),
                 SCMP_SYS(timerfd_settime),
                 SCMP_SYS(timerfd_gettime),
                 SCMP_SYS(sched_getparam),
                 SCMP_SYS(sched_getscheduler),
                 SCMP_SYS(sched_get_priority_max),
                 SCMP_SYS(sched_get_priority_min),
                 SCMP_SYS(set_mempolicy),
                 SCMP_SYS(getsockopt)};
  const EncoderTry* used = encoders.in_use();
  if (!used || used->reason != "hardware") return rooms;
  rooms.read.insert(rooms.read.end(), {"/usr", "/lib", "/lib64", "/etc", "/proc", "/sys"});
  rooms.calls.push_back(SCMP_SYS(ioctl));
  std::error_code error;
  for (const auto& each : std::filesystem::directory_iterator("/dev", error))
    if (each.path().filename().string().starts_with("nvidia")) rooms.write.push_back(each.path().string());
  rooms.write.insert(rooms.write.end(), {"/dev/dri", "/dev/dxg"});
  return rooms;
}

base::Fd again(int descriptor) { return base::Fd(descriptor >= 0 ? dup(descriptor) : -1); }

int serve(const WorkerTask& task, Session& session) {
  base::Fd stopping(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::vector<base::Fd> listeners;
  for (int each : {task.rdp_port, task.rdp_socket})
    if (each >= 0) listeners.push_back(again(each));
  RdpOptions options;
  options.certificate = task.certificate;
  options.codecs = task.options.codecs;
  auto rdp = serve_rdp(session, std::move(listeners), options);
  if (!rdp) {
    tell(task.keeper, "failed " + rdp.error());
    return worker_cannot_begin;
  }
  std::unique_ptr<Service> web;
#ifdef OUTBOARD_DESKTOP_WEB
  if (task.web_port >= 0) {
    auto served = serve_web(session, again(task.web_port));
    if (served)
      web = std::move(served.value());
    else
      base::log(base::Level::warn, "no-page", {{"why", served.error()}});
  }
#endif
  Control control(session, again(task.control), [&] { eventfd_write(stopping.get(), 1); });
  tell(task.keeper, "ready");
  for (;;) {
    pollfd ready[] = {{stopping.get(), POLLIN, 0}, {task.keeper, POLLIN, 0}};
    poll(ready, 2, 500);
    if (ready[0].revents || ready[1].revents) return worker_was_asked_to_stop;
    if (session.screen().gone()) return worker_lost_its_display;
  }
}

}  // namespace

void run_worker(const WorkerTask& task) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "outboard-worker");
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_IGN);  // Ctrl-C is for the keeper, which ends this in order
  signal(SIGPIPE, SIG_IGN);
  if (!task.authority.empty()) setenv("XAUTHORITY", task.authority.c_str(), 1);
  base::Status prepared = prepare_rdp();
  auto parts = prepared ? gather(task) : base::Result<Session::Parts>(base::Error{prepared.error()});
  if (!parts) {
    tell(task.keeper, "failed " + parts.error());
    _exit(worker_cannot_begin);
  }
  const EncoderTry* used = parts.value().encoders.in_use();
  tell(task.keeper,
       "encode " + (used ? used->name + " (" + used->reason + ")" : "none: clients get progressive or plain bitmaps"));
  if (!task.options.no_sandbox) {
    base::Status entered = server::enter_sandbox(rooms_of(parts.value().encoders));
    if (!entered) base::log(base::Level::warn, "sandbox", {{"lacking", entered.error()}});
  }
  int code = 0;
  {
    Session session(std::move(parts.value()));
    session.credentials().keep(task.credential, task.options.one_time ? 1 : 0, 0s);
    code = serve(task, session);
  }
  _exit(code);
}

}  // namespace desktop
