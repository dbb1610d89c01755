// The client's end: a connected socket, or one sentence that says why there is none.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <linux/vm_sockets.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "link/address.h"
#include "link/loopback.h"
#include "link/tcp_options.h"
#include "link/tls.h"

extern char** environ;

namespace links {
namespace {

base::Error failed(const Address& address, int reason) {
  std::string text = "cannot connect to " + address.text() + ": " + std::strerror(reason);
  if (reason == ENOENT || reason == ECONNREFUSED) text += "; is `outboard serve` running there?";
  return base::Error{text};
}

// A unix socket whose server has yet to accept others (its backlog is full) is not on its way: it must ask again.
int connect_or_retry(int fd, const sockaddr* to, socklen_t size, int timeout_ms) {
  constexpr int pause_ms = 10;
  for (int waited = 0;; waited += pause_ms) {
    const int result = ::connect(fd, to, size);
    if (result == 0 || errno != EAGAIN) return result;
    if (waited >= timeout_ms) return errno = ETIMEDOUT, -1;
    poll(nullptr, 0, pause_ms);
  }
}

// Connects within the time limit, then makes the socket wait as usual.
int connect_within(int fd, const sockaddr* to, socklen_t size, int timeout_ms) {
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int error = 0;
  if (connect_or_retry(fd, to, size, timeout_ms) < 0) {
    error = errno;
    if (error == EINPROGRESS) {
      pollfd waiting{fd, POLLOUT, 0};
      if (poll(&waiting, 1, timeout_ms) <= 0) return ETIMEDOUT;
      socklen_t length = sizeof error;
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    }
  }
  fcntl(fd, F_SETFL, flags);
  return error;
}

base::Result<Link> connect_unix(const Address& address, int timeout_ms) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address.where.size() >= sizeof to.sun_path) return failed(address, ENAMETOOLONG);
  std::memcpy(to.sun_path, address.where.data(), address.where.size());
  base::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(address, errno);
  if (int error = connect_within(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to, timeout_ms))
    return failed(address, error);
  return Link(std::move(fd));
}

base::Result<Link> connect_tcp(const Address& address, int timeout_ms) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (int error = getaddrinfo(address.where.c_str(), address.port.c_str(), &hints, &list))
    return base::Error{"cannot find " + address.where + ": " + gai_strerror(error)};
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  int error = EHOSTUNREACH;
  for (addrinfo* each = list; each; each = each->ai_next) {
    if (address.kind == Address::Kind::tcp && !address.plaintext && !is_loopback(each->ai_addr))
      return base::Error{
          address.text() +
          " is another machine, and plain tcp is neither encrypted nor authenticated; join the server "
          "(tls:HOST:PORT#FINGERPRINT), or use via:'ssh HOST outboard serve --stdio', or say --plaintext"};
    base::Fd fd(socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.valid()) continue;
    error = connect_within(fd.get(), each->ai_addr, each->ai_addrlen, timeout_ms);
    if (error) continue;
    set_tcp_options(fd.get());
    return Link(std::move(fd));
  }
  return failed(address, error);
}

base::Result<Link> connect_vsock(const Address& address, int timeout_ms) {
  sockaddr_vm to{};
  to.svm_family = AF_VSOCK;
  to.svm_cid = static_cast<unsigned>(std::stoul(address.where == "any" ? "1" : address.where));  // 1: this machine
  to.svm_port = static_cast<unsigned>(std::stoul(address.port));
  base::Fd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(address, errno);
  if (int error = connect_within(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to, timeout_ms))
    return failed(address, error);
  return Link(std::move(fd));
}

// The command's standard input and output are one end of a socket pair. It is started by a shell that ends at once,
// so that it is no child of the program, whose wait() would otherwise see it.
base::Result<Link> connect_command(const Address& address) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return failed(address, errno);
  base::Fd ours(pair[0]), theirs(pair[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), 1);
  std::string shell = "sh", option = "-c", script = "exec 3<&0; { eval \"$1\"; } <&3 3<&- &", command = address.where;
  char* arguments[] = {shell.data(), option.data(), script.data(), shell.data(), command.data(), nullptr};
  pid_t child = 0;
  int error = posix_spawn(&child, "/bin/sh", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) return failed(address, error);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Link(std::move(ours));
}

}  // namespace

base::Result<Link> encrypt(Link link, const Address& address, int timeout_seconds) {
  if (address.kind != Address::Kind::tls) return link;
  if (address.fingerprint.empty())
    return base::Error{address.text() + " names no key; write tls:HOST:PORT#FINGERPRINT, as the server's log shows it"};
  base::Fd socket(fcntl(link.socket(), F_DUPFD_CLOEXEC, 3));
  if (!socket.valid()) return failed(address, errno);
  limit_waits(socket.get(), timeout_seconds);
  auto channel = Tls::connect(std::move(socket), address.fingerprint);
  if (!channel) return base::Error{address.text() + ": " + channel.error()};
  return Link(std::move(channel.value()));
}

base::Result<Link> connect(const Address& address, int timeout_ms) {
  switch (address.kind) {
    case Address::Kind::unix_socket: return connect_unix(address, timeout_ms);
    case Address::Kind::tcp:
    case Address::Kind::tls: return connect_tcp(address, timeout_ms);
    case Address::Kind::vsock: return connect_vsock(address, timeout_ms);
    case Address::Kind::command: return connect_command(address);
    case Address::Kind::ssh:
    case Address::Kind::slurm: break;
  }
  return base::Error{"unknown kind of address"};
}

}  // namespace links
