#include "tests/links/proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace faults {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<uint16_t>(port));
  return at;
}

void reset_on_close(int socket) {
  linger now{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

// When the next fault comes: within a greeting or a record's head, within small calls, or within bulk.
size_t bytes_before_fault(std::mt19937& random) {
  switch (random() % 5) {
    case 0: return random() % 100;
    case 1:
    case 2: return random() % 4096;
    default: return random() % (200 << 10);
  }
}

bool send_all(int to, const char* bytes, size_t size) {
  while (size) {
    ssize_t done = send(to, bytes, size, MSG_NOSIGNAL);
    if (done <= 0) return false;
    bytes += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

}  // namespace

Proxy::Proxy(int server_port, unsigned seed) : server_port_(server_port), random_(seed) {
  listener_ = base::Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  listen(listener_.get(), 16);
  getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.sin_port);
  accepting_ = std::thread([this] { accept_all(); });
}

Proxy::~Proxy() { go_dark(); }

void Proxy::go_dark() {
  if (dark_.exchange(true)) return;
  shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
  listener_.close();
  while (open_) usleep(1000);
}

void Proxy::accept_all() {
  for (bool first = true; !dark_; first = false) {
    base::Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) continue;
    base::Fd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at = loopback(server_port_);
    if (connect(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) < 0) continue;
    int on = 1;
    for (int each : {client.get(), server.get()}) setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++open_;
    std::thread([this, first, seed = random_(), client = std::move(client), server = std::move(server)]() mutable {
      pass_on(std::move(client), std::move(server), static_cast<unsigned>(seed), first);
      --open_;
    }).detach();
  }
}

void Proxy::pass_on(base::Fd client, base::Fd server, unsigned seed, bool first) {
  std::mt19937 random(seed);
  int ends[] = {client.get(), server.get()};
  bool ended[] = {false, false};
  size_t left = first ? (64 << 10) + bytes_before_fault(random) : bytes_before_fault(random), slow = 0;
  std::vector<char> bytes(64 << 10);
  while (!dark_ && !(ended[0] && ended[1])) {
    pollfd watched[] = {{ended[0] ? -1 : ends[0], POLLIN, 0}, {ended[1] ? -1 : ends[1], POLLIN, 0}};
    poll(watched, 2, 20);
    for (int from : {0, 1}) {
      if (!watched[from].revents || ended[from]) continue;
      size_t most = slow ? std::min<size_t>(slow, 64) : calm_ ? bytes.size() : std::min(bytes.size(), left + 1);
      ssize_t got = recv(ends[from], bytes.data(), most, 0);
      if (got <= 0 || !send_all(ends[1 - from], bytes.data(), static_cast<size_t>(got))) {
        ended[from] = true;
        shutdown(ends[1 - from], SHUT_WR);
        if (got < 0) return;
        continue;
      }
      auto moved = static_cast<size_t>(got);
      if (slow) usleep(100), slow -= std::min(slow, moved);
      if (calm_ || left >= moved) {
        left -= std::min(left, moved);
        continue;
      }
      left = bytes_before_fault(random);
      switch (static_cast<Fault>(random() % 8)) {
        case Fault::delay: usleep(1000 + random() % 5000); break;
        case Fault::slow_down: slow = 2048; break;
        case Fault::half_close_to_client:
          ++cuts_;
          ended[1] = true;
          shutdown(ends[0], SHUT_WR);
          break;
        case Fault::half_close_to_server:
          ++cuts_;
          ended[0] = true;
          shutdown(ends[1], SHUT_WR);
          break;
        case Fault::close: ++cuts_; return;
        default:
          ++cuts_;
          reset_on_close(ends[0]);
          reset_on_close(ends[1]);
          return;
      }
    }
  }
}

}  // namespace faults
