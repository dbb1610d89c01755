#include "desktop/listening.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace desktop {

base::Result<base::Fd> listen_on_loopback(int& port) {
  base::Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  socklen_t size = sizeof address;
  if (!listener.valid() || bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener.get(), 16) != 0 || getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return base::Error{"cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno)};
  port = ntohs(address.sin_port);
  return listener;
}

base::Result<base::Fd> listen_on_socket(const std::string& path) {
  base::Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return base::Error{"the path " + path + " is too long for a socket"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const mode_t before = umask(0177);
  const bool bound =
      listener.valid() && bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  umask(before);
  if (!bound || listen(listener.get(), 16) != 0)
    return base::Error{"cannot listen on " + path + ": " + std::strerror(errno)};
  return listener;
}

}  // namespace desktop
