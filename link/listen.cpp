// The server's end: a listening socket.
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "link/address.h"
#include "link/loopback.h"

namespace links {
namespace {

base::Error failed(const Address& address, int reason) {
  std::string text = "cannot listen on " + address.text() + ": " + std::strerror(reason);
  if (reason == EADDRINUSE) text += "; another server is there";
  return base::Error{text};
}

// A socket file that nobody listens on is left over from a server that was killed.
bool is_stale(const sockaddr_un& at) {
  base::Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe.valid() && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) < 0 &&
         errno == ECONNREFUSED;
}

// The folder must be the user's own: in a folder for temporary files anyone could have made it first.
base::Status own_folder(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (path != default_socket_path() || folder.empty()) return base::Done{};
  if (mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
    return base::Error{"cannot make " + folder.string() + ": " + std::strerror(errno)};
  struct stat facts {};
  if (lstat(folder.c_str(), &facts) < 0 || !S_ISDIR(facts.st_mode) || facts.st_uid != getuid())
    return base::Error{folder.string() +
                       " is not a folder of this user's; choose another path with --listen unix:PATH"};
  return base::Done{};
}

base::Result<base::Fd> listen_unix(const Address& address) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (address.where.size() >= sizeof at.sun_path) return failed(address, ENAMETOOLONG);
  std::memcpy(at.sun_path, address.where.data(), address.where.size());
  TRY(own_folder(address.where));
  if (is_stale(at)) unlink(at.sun_path);
  base::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(address, errno);
  mode_t before = umask(0177);  // the file must never be wider than 0600, not even for a moment
  int bound = bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  int reason = errno;
  umask(before);
  if (bound < 0) return failed(address, reason);
  if (::listen(fd.get(), SOMAXCONN) < 0) return failed(address, errno);
  return fd;
}

base::Result<base::Fd> listen_tcp(const Address& address) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  if (int error = getaddrinfo(address.where.c_str(), address.port.c_str(), &hints, &list))
    return base::Error{"cannot find " + address.where + ": " + gai_strerror(error)};
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  if (address.kind == Address::Kind::tcp && !address.plaintext && !is_loopback(list->ai_addr))
    return base::Error{
        address.text() +
        " can be reached from other machines, and plain tcp is neither encrypted nor authenticated; "
        "listen on tls:HOST:PORT, or on 127.0.0.1, or let clients come with via:'ssh HOST outboard serve --stdio', or "
        "say --plaintext"};
  base::Fd fd(socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(address, errno);
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), list->ai_addr, list->ai_addrlen) < 0 || ::listen(fd.get(), SOMAXCONN) < 0) return failed(address, errno);
  return fd;
}

base::Result<base::Fd> listen_vsock(const Address& address) {
  sockaddr_vm at{};
  at.svm_family = AF_VSOCK;
  at.svm_cid = address.where == "any" ? VMADDR_CID_ANY : static_cast<unsigned>(std::stoul(address.where));
  at.svm_port = static_cast<unsigned>(std::stoul(address.port));
  base::Fd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(address, errno);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) < 0 || ::listen(fd.get(), SOMAXCONN) < 0)
    return failed(address, errno);
  return fd;
}

}  // namespace

base::Result<base::Fd> listen(const Address& address) {
  switch (address.kind) {
    case Address::Kind::unix_socket: return listen_unix(address);
    case Address::Kind::tcp:
    case Address::Kind::tls: return listen_tcp(address);
    case Address::Kind::vsock: return listen_vsock(address);
    case Address::Kind::command:
    case Address::Kind::ssh:
    case Address::Kind::slurm: break;
  }
  return base::Error{
      "a server listens on unix:PATH, tcp:127.0.0.1:PORT, tls:HOST:PORT or vsock://any:PORT, or serves one client with "
      "--stdio"};
}

}  // namespace links
