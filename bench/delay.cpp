#include "bench/delay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<uint16_t>(port));
  return at;
}

// Bytes on their way in one direction.
struct Way {
  struct Piece {
    Clock::time_point due;
    std::vector<char> bytes;  // empty: the end
  };
  std::mutex lock;
  std::condition_variable more;
  std::deque<Piece> pieces;
};

void take(int from, Way& way, std::chrono::microseconds delay) {
  std::vector<char> room(256 << 10);
  for (bool open = true; open;) {
    ssize_t got = recv(from, room.data(), room.size(), 0);
    open = got > 0;
    Way::Piece piece{Clock::now() + delay, {}};
    if (open) piece.bytes.assign(room.begin(), room.begin() + got);
    std::lock_guard hold(way.lock);
    way.pieces.push_back(std::move(piece));
    way.more.notify_one();
  }
}

void give(int to, Way& way) {
  for (;;) {
    std::unique_lock hold(way.lock);
    way.more.wait(hold, [&] { return !way.pieces.empty(); });
    Way::Piece piece = std::move(way.pieces.front());
    way.pieces.pop_front();
    hold.unlock();
    std::this_thread::sleep_until(piece.due);
    if (piece.bytes.empty()) break;
    for (size_t done = 0; done < piece.bytes.size();) {
      ssize_t sent = send(to, piece.bytes.data() + done, piece.bytes.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) break;
      done += static_cast<size_t>(sent);
    }
  }
  shutdown(to, SHUT_WR);
}

void pass_on(base::Fd client, base::Fd server, std::chrono::microseconds delay) {
  Way out, back;
  std::thread threads[] = {
      std::thread([&] { take(client.get(), out, delay); }), std::thread([&] { give(server.get(), out); }),
      std::thread([&] { take(server.get(), back, delay); }), std::thread([&] { give(client.get(), back); })};
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

Delay::Delay(int server_port, std::chrono::microseconds one_way)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  listen(listener_.get(), 16);
  getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.sin_port);
  accepting_ = std::thread([this, server_port, one_way] { accept_all(server_port, one_way); });
}

Delay::~Delay() {
  shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
}

void Delay::accept_all(int server_port, std::chrono::microseconds one_way) {
  for (;;) {
    base::Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) return;
    base::Fd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at = loopback(server_port);
    if (connect(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) < 0) continue;
    int on = 1;
    for (int each : {client.get(), server.get()}) setsockopt(each, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread([client = std::move(client), server = std::move(server), one_way]() mutable {
      pass_on(std::move(client), std::move(server), one_way);
    }).detach();
  }
}

}  // namespace bench
