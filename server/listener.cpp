// One poll loop over the listening sockets, the workers' questions and the signals.
#include "server/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/log.h"
#include "link/loopback.h"
#include "link/tcp_options.h"
#include "server/clocks.h"
#include "server/devices.h"
#include "server/report.h"
#include "server/web.h"

namespace server {
namespace {

constexpr int lease_look_ms = 50;
constexpr int tend_every_ms = 60'000;

// The machine at the other end, without its port.
std::string host_of(const sockaddr_storage& from, socklen_t size) {
  auto* address = reinterpret_cast<const sockaddr*>(&from);
  if (from.ss_family == AF_VSOCK)
    return "vsock " + std::to_string(reinterpret_cast<const sockaddr_vm*>(address)->svm_cid);
  char host[NI_MAXHOST] = "";
  getnameinfo(address, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

class Listener {
 public:
  explicit Listener(const ListenerOptions& options) : options_(options) {}
  base::Status start();
  int serve();

 private:
  base::Status open_state();
  void open_control();
  bool handle_signals();  // false: time to end
  bool may_serve();
  void accept_client(int socket, const links::Address& address);
  bool admits(int fd, Peer& peer) const;
  [[noreturn]] void become_worker(base::Fd client, base::Fd monitor, int page, bool encrypted);
  void reap();
  void end_workers();
  int tend(uint64_t now);  // milliseconds until the next time

  const ListenerOptions& options_;
  std::vector<base::Fd> sockets_;
  base::Fd signals_;
  std::unique_ptr<Tenants> tenants_;
  Web web_;
  std::string control_;
  uint64_t tend_at_ns_ = 0;
  bool ending_ = false;  // workers that end now do so at our word
  int outcome_ = 0;      // exit code
};

base::Status Listener::start() {
  TRY(load_device(options_.worker.device));
  for (const links::Address& address : options_.addresses) {
    sockets_.push_back(TRY(links::listen(address)));
    fcntl(sockets_.back().get(), F_SETFL, O_NONBLOCK);
  }
  TRY(open_state());
  if (!options_.metrics.empty())
    TRY(web_.listen_loopback(options_.metrics, [this](const std::string& method, const std::string& path) {
      return respond_to_anybody(*tenants_, options_, method, path);
    }));
  open_control();
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = base::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return base::Error{std::string("cannot watch signals: ") + std::strerror(errno)};
  return base::Done{};
}

// A folder that cannot be written costs tokens and virtual GPUs, not the server; damaged ones are not passed over.
base::Status Listener::open_state() {
  auto state = State::open();
  std::optional<State> opened;
  if (state) {
    opened = std::move(state.value());
  } else {
    std::error_code error;
    if (std::filesystem::exists(state_folder() + "/state.db", error) || options_.tenants.token_required)
      return base::Error{state.error()};
    base::log(base::Level::warn, "no-state", {{"reason", state.error()}, {"then", "no tokens, no virtual GPUs"}});
  }
  tenants_ = std::make_unique<Tenants>(options_.tenants, std::move(opened), std::thread::hardware_concurrency());
  return base::Done{};
}

// Where `outboard ps`, `top` and `token revoke` ask. A server without it serves all the same.
void Listener::open_control() {
  std::error_code error;
  if (!tenants_->state()) return;
  mkdir(control_folder().c_str(), 0700);
  control_ = control_folder() + "/" + std::to_string(getpid());
  base::Status opened = web_.listen_unix(control_, [this](const std::string& method, const std::string& path) {
    return respond_to_user(*tenants_, options_, method, path);
  });
  if (opened) return;
  control_.clear();
  base::log(base::Level::warn, "no-control-socket", {{"reason", opened.error()}});
}

int Listener::serve() {
  for (const links::Address& address : options_.addresses)
    base::log(base::Level::info, "listening", {{"on", address.text()}, {"device", options_.worker.device}});
  std::vector<pollfd> watched;
  for (int patience = 0;;) {
    watched.assign({{signals_.get(), POLLIN, 0}});
    for (const base::Fd& socket : sockets_) watched.push_back({socket.get(), POLLIN, 0});
    const size_t first_monitor = watched.size();
    std::vector<pid_t> asking;
    for (const auto& [worker, tenant] : tenants_->all()) {
      watched.push_back({tenant->monitor.get(), POLLIN, 0});  // a negative one is passed over
      asking.push_back(worker);
    }
    web_.watch(watched);
    if (poll(watched.data(), watched.size(), patience) < 0 && errno != EINTR) return 1;
    for (size_t i = 0; i < asking.size(); ++i) {
      if (!watched[first_monitor + i].revents) continue;
      Tenant& tenant = *tenants_->all().at(asking[i]);
      if (!tenants_->answer(tenant)) tenant.monitor.close();
    }
    if (watched[0].revents && !handle_signals()) break;
    for (size_t i = 0; i < sockets_.size(); ++i)
      if (watched[i + 1].revents) accept_client(sockets_[i].get(), options_.addresses[i]);
    web_.handle(watched, now_ns());
    if (!may_serve()) break;
    patience = tend(now_ns());
    if (int tenants = tenants_->tick(now_ns()); tenants >= 0) patience = std::min(patience, tenants);
    if (options_.worker.lease) patience = std::min(patience, lease_look_ms);
  }
  for (const links::Address& address : options_.addresses)
    if (address.kind == links::Address::Kind::unix_socket) unlink(address.where.c_str());
  if (!control_.empty()) unlink(control_.c_str());
  if (outcome_)
    for (const auto& [worker, tenant] : tenants_->all()) kill(worker, SIGKILL);
  end_workers();
  base::log(base::Level::info, "ended");
  return outcome_;
}

int Listener::tend(uint64_t now) {
  constexpr uint64_t ms = 1'000'000;
  if (now >= tend_at_ns_) {
    tend_at_ns_ = now + tend_every_ms * ms;
    tend_services(options_.tenants.services);
  }
  return static_cast<int>((tend_at_ns_ - now) / ms) + 1;
}

// Somebody else may be in our place from now on: nobody is served any more.
bool Listener::may_serve() {
  if (!outcome_ && options_.worker.lease && !options_.worker.lease->held()) outcome_ = lease_lost;
  if (outcome_)
    base::log(base::Level::error, outcome_ == lease_lost ? "lease-lost" : "superseded", {{"then", "this server ends"}});
  return !outcome_;
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
  rusage used{};
  for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &used)) > 0;) {
    auto found = tenants_->all().find(pid);
    if (found == tenants_->all().end()) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == superseded) outcome_ = superseded;
    bool told = ending_ || found->second->stage == Tenant::Stage::leaving;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM && !told)  // which a greeting sets for itself (greeting.cpp)
      base::log(base::Level::warn, "client-not-served",
                {{"worker", std::to_string(pid)}, {"reason", "it did not greet in time"}});
    else if (WIFSIGNALED(status) && !told)
      base::log(base::Level::error, "worker-killed",
                {{"worker", std::to_string(pid)}, {"signal", strsignal(WTERMSIG(status))}});
    else
      base::log(base::Level::info, "client-left",
                {{"worker", std::to_string(pid)}, {"exit", std::to_string(WEXITSTATUS(status))}});
    auto nanoseconds = [](const timeval& time) {
      return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_usec) * 1000;
    };
    tenants_->ended(pid, nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime));
  }
}

// A unix socket's file mode keeps other users out already; this holds where the folder's owner widened it.
bool Listener::admits(int fd, Peer& peer) const {
  sockaddr_storage from{};
  socklen_t from_size = sizeof from;
  auto* address = reinterpret_cast<sockaddr*>(&from);
  if (getpeername(fd, address, &from_size) == 0 && from.ss_family != AF_UNIX) {
    peer = {links::is_loopback(address) ? Peer::Way::loopback : Peer::Way::network, host_of(from, from_size)};
    return true;
  }
  ucred user{};
  socklen_t size = sizeof user;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) < 0) return false;
  peer = {Peer::Way::unix_socket, "uid " + std::to_string(user.uid)};
  if (user.uid == getuid() || user.uid == 0) return true;
  base::log(base::Level::warn, "client-refused", {{"user", std::to_string(user.uid)}});
  return false;
}

void Listener::accept_client(int socket, const links::Address& address) {
  base::Fd client(accept4(socket, nullptr, nullptr, SOCK_CLOEXEC));
  auto tenant = std::make_unique<Tenant>();
  if (options_.worker.lease && !options_.worker.lease->held()) return;
  if (!client.valid() || !admits(client.get(), tenant->peer)) return;
  if (tenants_->full()) {  // not even a sentence: that would take a process
    base::log(base::Level::warn, "client-refused", {{"reason", "too many connections"}});
    return;
  }
  int ends[2];
  if (!tenant->share.create() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    base::log(base::Level::error, "cannot-start-worker", {{"reason", std::strerror(errno)}});
    return;
  }
  tenant->monitor = base::Fd(ends[0]);
  base::Fd theirs(ends[1]);
  pid_t pid = fork();
  if (pid == 0)
    become_worker(std::move(client), std::move(theirs), tenant->share.file(),
                  address.kind == links::Address::Kind::tls);
  if (pid < 0) {
    base::log(base::Level::error, "cannot-start-worker", {{"reason", std::strerror(errno)}});
    return;
  }
  tenant->worker = pid;
  tenant->share.close_file();
  tenants_->add(std::move(tenant));
}

// Keeps what is the worker's own: nothing of the state, of the other workers or of who else is heard.
void Listener::become_worker(base::Fd client, base::Fd monitor, int page, bool encrypted) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  auto* share = SharedPage<device::Share>::map(page);
  if (!share) _exit(1);
  const int here = client.release(), there = monitor.release();
  close_range(3, static_cast<unsigned>(std::min(here, there)) - 1, 0);
  close_range(static_cast<unsigned>(std::min(here, there)) + 1, static_cast<unsigned>(std::max(here, there)) - 1, 0);
  close_range(static_cast<unsigned>(std::max(here, there)) + 1, ~0u, 0);
  links::set_tcp_options(here);
  WorkerOptions worker = options_.worker;
  if (encrypted) worker.key = &*options_.key;
  run_worker(links::Link(base::Fd(here)), worker, std::make_unique<Monitored>(base::Fd(there), share));
}

void Listener::end_workers() {
  ending_ = true;
  for (const auto& [worker, tenant] : tenants_->all()) kill(worker, SIGTERM);
  for (int waited = 0; !tenants_->all().empty() && waited < 50; ++waited) {
    reap();
    if (!tenants_->all().empty()) poll(nullptr, 0, 100);
  }
  for (const auto& [worker, tenant] : tenants_->all()) kill(worker, SIGKILL);
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
