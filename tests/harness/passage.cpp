#include "tests/harness/passage.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>

namespace harness {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<uint16_t>(port));
  return at;
}

}  // namespace

Door::Door(int server_port) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), server_port_(server_port) {
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  if (bind(listener_.get(), address, sizeof at) < 0 || listen(listener_.get(), 16) < 0 ||
      getsockname(listener_.get(), address, &size) < 0) {
    std::perror("a proxy's port");
    std::exit(1);
  }
  port_ = ntohs(at.sin_port);
}

std::optional<Passage> Door::accept() {
  Passage passage{base::Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)),
                  base::Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in at = loopback(server_port_);
  if (!passage.client.valid() || connect(passage.server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) < 0)
    return {};
  int on = 1;
  for (int each : {passage.client.get(), passage.server.get()})
    setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return passage;
}

void Door::close() {
  if (!closed_.exchange(true)) shutdown(listener_.get(), SHUT_RDWR);
}

bool send_all(int socket, const char* bytes, size_t size) {
  while (size) {
    ssize_t done = send(socket, bytes, size, MSG_NOSIGNAL);
    if (done <= 0) return false;
    bytes += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

}  // namespace harness
