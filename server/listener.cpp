// One poll loop over the listening sockets and the signals.
#include "server/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <set>

#include "base/log.h"
#include "link/tcp_options.h"

namespace server {
namespace {

class Listener {
 public:
  explicit Listener(const ListenerOptions& options) : options_(options) {}
  base::Status start();
  int serve();

 private:
  bool handle_signals();  // false: time to end
  void accept_client(int socket, const links::Address& address);
  bool admits(int fd) const;
  [[noreturn]] void become_worker(base::Fd client, bool encrypted);
  void reap();
  void end_workers();

  const ListenerOptions& options_;
  std::vector<base::Fd> sockets_;
  base::Fd signals_;
  std::set<pid_t> workers_;
  bool ending_ = false;  // workers that end now do so at our word
};

base::Status Listener::start() {
  TRY(load_device(options_.worker.device));
  for (const links::Address& address : options_.addresses) {
    sockets_.push_back(TRY(links::listen(address)));
    fcntl(sockets_.back().get(), F_SETFL, O_NONBLOCK);
  }
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = base::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return base::Error{std::string("cannot watch signals: ") + std::strerror(errno)};
  return base::Done{};
}

int Listener::serve() {
  for (const links::Address& address : options_.addresses)
    base::log(base::Level::info, "listening", {{"on", address.text()}, {"device", options_.worker.device}});
  std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}};
  for (const base::Fd& socket : sockets_) watched.push_back({socket.get(), POLLIN, 0});
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return 1;
    if (watched[0].revents && !handle_signals()) break;
    for (size_t i = 1; i < watched.size(); ++i)
      if (watched[i].revents) accept_client(watched[i].fd, options_.addresses[i - 1]);
  }
  for (const links::Address& address : options_.addresses)
    if (address.kind == links::Address::Kind::unix_socket) unlink(address.where.c_str());
  end_workers();
  base::log(base::Level::info, "ended");
  return 0;
}

bool Listener::handle_signals() {
  bool go_on = true;
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD) go_on = false;
  reap();
  return go_on;
}

void Listener::reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    workers_.erase(pid);
    if (WIFSIGNALED(status) && !ending_)
      base::log(base::Level::error, "worker-killed",
                {{"worker", std::to_string(pid)}, {"signal", strsignal(WTERMSIG(status))}});
    else
      base::log(base::Level::info, "client-left",
                {{"worker", std::to_string(pid)}, {"exit", std::to_string(WEXITSTATUS(status))}});
  }
}

// A unix socket's file mode keeps other users out already; this holds where the folder's owner widened it.
bool Listener::admits(int fd) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid == 0) return true;  // tcp
  if (peer.uid == getuid() || peer.uid == 0) return true;
  base::log(base::Level::warn, "client-refused", {{"user", std::to_string(peer.uid)}});
  return false;
}

void Listener::accept_client(int socket, const links::Address& address) {
  base::Fd client(accept4(socket, nullptr, nullptr, SOCK_CLOEXEC));
  if (!client.valid() || !admits(client.get())) return;
  pid_t pid = fork();
  if (pid == 0) become_worker(std::move(client), address.kind == links::Address::Kind::tls);
  if (pid < 0)
    base::log(base::Level::error, "cannot-start-worker", {{"reason", std::strerror(errno)}});
  else
    workers_.insert(pid);
}

void Listener::become_worker(base::Fd client, bool encrypted) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  sockets_.clear();
  signals_.close();
  links::set_tcp_options(client.get());
  WorkerOptions worker = options_.worker;
  if (encrypted) worker.key = &*options_.key;
  if (workers_.size() >= options_.most_clients)
    worker.refusal = "the server is full: it serves " + std::to_string(workers_.size()) + " clients; try again later";
  run_worker(links::Link(std::move(client)), worker);
}

void Listener::end_workers() {
  ending_ = true;
  for (pid_t pid : workers_) kill(pid, SIGTERM);
  for (int waited = 0; !workers_.empty() && waited < 50; ++waited) {
    reap();
    if (!workers_.empty()) poll(nullptr, 0, 100);
  }
  for (pid_t pid : workers_) kill(pid, SIGKILL);
}

}  // namespace

int listen_and_serve(const ListenerOptions& options) {
  Listener listener(options);
  base::Status started = listener.start();
  if (!started) {
    std::fprintf(stderr, "outboard: %s\n", started.error().c_str());
    return 1;
  }
  return listener.serve();
}

}  // namespace server
