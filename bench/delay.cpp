#include "bench/delay.h"

#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

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

void take(int from, Way& way, std::chrono::microseconds delay, std::atomic<uint64_t>& count) {
  std::vector<char> room(256 << 10);
  for (bool open = true; open;) {
    ssize_t got = recv(from, room.data(), room.size(), 0);
    open = got > 0;
    Way::Piece piece{Clock::now() + delay, {}};
    if (open) piece.bytes.assign(room.begin(), room.begin() + got), count += static_cast<uint64_t>(got);
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
    harness::send_all(to, piece.bytes.data(), piece.bytes.size());
  }
  shutdown(to, SHUT_WR);
}

void pass_on(int client, int server, std::chrono::microseconds delay, std::atomic<uint64_t>& sent) {
  Way out, back;
  std::atomic<uint64_t> received{0};
  std::thread threads[] = {
      std::thread([&] { take(client, out, delay, sent); }), std::thread([&] { give(server, out); }),
      std::thread([&] { take(server, back, delay, received); }), std::thread([&] { give(client, back); })};
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

Delay::Delay(int server_port, std::chrono::microseconds one_way) : door_(server_port) {
  accepting_ = std::thread([this, one_way] { accept_all(one_way); });
}

Delay::~Delay() {
  door_.close();
  accepting_.join();
}

void Delay::accept_all(std::chrono::microseconds one_way) {
  while (!door_.closed()) {
    auto passage = door_.accept();
    if (!passage) continue;
    std::thread([sent = sent_, passage = std::move(*passage), one_way] {
      pass_on(passage.client.get(), passage.server.get(), one_way, *sent);
    }).detach();
  }
}

}  // namespace bench
