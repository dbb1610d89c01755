#include "tests/links/proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace faults {
namespace {

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

}  // namespace

Proxy::Proxy(int server_port, unsigned seed, size_t bulk) : door_(server_port), random_(seed), bulk_(bulk) {
  accepting_ = std::thread([this] { accept_all(); });
}

Proxy::~Proxy() { go_dark(); }

void Proxy::go_dark() {
  if (door_.closed()) return;
  door_.close();
  accepting_.join();
  while (open_) usleep(1000);
}

void Proxy::accept_all() {
  for (bool first = true; !door_.closed(); first = false) {
    auto passage = door_.accept();
    if (!passage) continue;
    ++open_;
    std::thread([this, first, seed = random_(), passage = std::move(*passage)]() mutable {
      pass_on(std::move(passage.client), std::move(passage.server), static_cast<unsigned>(seed), first);
      --open_;
    }).detach();
  }
}

void Proxy::pass_on(base::Fd client, base::Fd server, unsigned seed, bool first) {
  std::mt19937 random(seed);
  int ends[] = {client.get(), server.get()};
  bool ended[] = {false, false};
  size_t left = (first ? 64 << 10 : 0) + bulk_ * bytes_before_fault(random), slow = 0;
  std::vector<char> bytes(64 << 10);
  while (!door_.closed() && !(ended[0] && ended[1])) {
    pollfd watched[] = {{ended[0] ? -1 : ends[0], POLLIN, 0}, {ended[1] ? -1 : ends[1], POLLIN, 0}};
    poll(watched, 2, 20);
    for (int from : {0, 1}) {
      if (!watched[from].revents || ended[from]) continue;
      size_t most = slow ? std::min<size_t>(slow, 64) : calm_ ? bytes.size() : std::min(bytes.size(), left + 1);
      ssize_t got = recv(ends[from], bytes.data(), most, 0);
      if (got <= 0 || !harness::send_all(ends[1 - from], bytes.data(), static_cast<size_t>(got))) {
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
      left = bulk_ * bytes_before_fault(random);
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
