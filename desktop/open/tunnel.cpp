#include "desktop/open/tunnel.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <vector>

namespace desktop {

namespace {
constexpr int tick_ms = 100;  // how soon the reader sees that this side ends
constexpr size_t longest_way = 16;
}  // namespace

enum class Tunnel::Kind : uint16_t { ask = 1, answer, open, data, taken, close };

struct Tunnel::Head {
  uint32_t size;
  Kind kind;
  uint16_t unused;
  uint32_t number;  // of the connection
};

struct Tunnel::Connection {
  Connection(uint32_t the_number, base::Fd the_socket) : number(the_number), socket(std::move(the_socket)) {}
  ~Connection() {
    for (std::thread* thread : {&reading, &writing})
      if (thread->joinable()) thread->join();
  }

  const uint32_t number;
  const base::Fd socket;
  std::mutex lock;
  std::condition_variable news;
  std::deque<std::string> arrived;  // for the socket
  size_t unread = 0;                // bytes of it
  size_t room = Tunnel::window;     // bytes that may still be sent to the peer
  bool peer_closed = false, over = false;
  std::atomic<int> threads{2};
  std::thread reading, writing;
};

Tunnel::Tunnel(links::Link link, Answers answers)
    : link_(std::move(link)), answers_(std::move(answers)), over_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  reader_ = std::thread([this] { read_frames(); });
}

Tunnel::~Tunnel() {
  end();
  reader_.join();
  connections_.clear();  // waits for their threads
}

void Tunnel::end() {
  ending_ = true;
  // Whoever waits to write must not wait for ever.
  if (link_.socket() >= 0)
    shutdown(link_.socket(), SHUT_RDWR);
  else
    link_.channel().farewell();
  std::scoped_lock held(list_);
  for (auto& connection : connections_) {
    std::scoped_lock inner(connection->lock);
    connection->over = true;
    shutdown(connection->socket.get(), SHUT_RDWR);
    connection->news.notify_all();
  }
}

bool Tunnel::send(Kind kind, uint32_t number, const void* bytes, size_t size) {
  Head head{static_cast<uint32_t>(size), kind, 0, number};
  iovec pieces[] = {{&head, sizeof head}, {const_cast<void*>(bytes), size}};
  std::scoped_lock held(sending_);
  return link_.write_all(std::span(pieces, size ? 2 : 1));
}

bool Tunnel::read_all(void* to, size_t size) {
  for (auto* at = static_cast<std::byte*>(to); size;) {
    if (ending_) return false;
    if (!link_.channel().wait(true, false, tick_ms).reading) continue;
    ssize_t got = link_.channel().read_now(at, size);
    if (got < 0 && errno == EAGAIN) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

void Tunnel::read_frames() {
  std::string payload;
  for (Head head{}; read_all(&head, sizeof head);) {
    if (head.size > most_payload) break;
    payload.resize(head.size);
    if (!read_all(payload.data(), payload.size()) || !take(head, payload)) break;
  }
  end();
  answer_news_.notify_all();
  eventfd_write(over_.get(), 1);
}

// False: the peer breaks the rules, or is gone.
bool Tunnel::take(const Head& head, const std::string& payload) {
  if (head.kind == Kind::ask) {
    std::string said = answers_.answer ? answers_.answer(payload) : "";
    said.resize(std::min(said.size(), most_payload));
    return send(Kind::answer, 0, said.data(), said.size());
  }
  if (head.kind == Kind::answer) {
    std::scoped_lock held(answer_lock_);
    answered_ = true;
    answer_ = payload;
    answer_news_.notify_all();
    return true;
  }
  if (head.kind == Kind::open) return open(head.number, payload);
  auto connection = find(head.number);
  if (!connection) return true;  // it has just ended here
  std::scoped_lock held(connection->lock);
  connection->news.notify_all();
  if (head.kind == Kind::close) {
    connection->peer_closed = true;
    return true;
  }
  if (head.kind == Kind::data) {
    connection->unread += payload.size();
    if (connection->unread > window || connection->peer_closed) return false;
    if (!payload.empty()) connection->arrived.push_back(payload);
    return true;
  }
  uint32_t bytes = 0;
  if (head.kind != Kind::taken || payload.size() != sizeof bytes) return false;
  std::memcpy(&bytes, payload.data(), sizeof bytes);
  if (bytes > window - connection->room) return false;
  connection->room += bytes;
  return true;
}

// The peer numbers its connections; only one side opens any.
bool Tunnel::open(uint32_t number, const std::string& way) {
  if (!answers_.open || find(number) || way.size() > longest_way) return false;
  forget_finished();
  if (connections() >= most_connections) return send(Kind::close, number, nullptr, 0);
  auto socket = answers_.open(way);
  if (!socket) return send(Kind::close, number, nullptr, 0);
  start(*add(number, std::move(socket.value())));
  return true;
}

std::shared_ptr<Tunnel::Connection> Tunnel::add(uint32_t number, base::Fd socket) {
  auto connection = std::make_shared<Connection>(number, std::move(socket));
  std::scoped_lock held(list_);
  connections_.push_back(connection);
  connection->over = ending_;
  return connection;
}

void Tunnel::start(Connection& connection) {
  // The list keeps it until both threads are done.
  connection.reading = std::thread([this, &connection] { from_socket(connection); });
  connection.writing = std::thread([this, &connection] { to_socket(connection); });
}

std::shared_ptr<Tunnel::Connection> Tunnel::find(uint32_t number) {
  std::scoped_lock held(list_);
  for (auto& connection : connections_)
    if (connection->number == number) return connection;
  return nullptr;
}

void Tunnel::from_socket(Connection& connection) {
  std::vector<char> bytes(most_payload);
  for (;;) {
    size_t most = 0;
    {
      std::unique_lock held(connection.lock);
      connection.news.wait(held, [&] { return connection.room || connection.over; });
      if (connection.over) break;
      most = std::min(connection.room, bytes.size());
    }
    ssize_t got = recv(connection.socket.get(), bytes.data(), most, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    {
      std::scoped_lock held(connection.lock);
      connection.room -= static_cast<size_t>(got);
    }
    if (!send(Kind::data, connection.number, bytes.data(), static_cast<size_t>(got))) break;
  }
  if (!ending_) send(Kind::close, connection.number, nullptr, 0);
  --connection.threads;
}

static bool write_all(int socket, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    ssize_t put = ::send(socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    done += static_cast<size_t>(put);
  }
  return true;
}

void Tunnel::to_socket(Connection& connection) {
  for (bool broken = false;;) {
    std::string bytes;
    {
      std::unique_lock held(connection.lock);
      connection.news.wait(held,
                           [&] { return !connection.arrived.empty() || connection.peer_closed || connection.over; });
      if (connection.over || connection.arrived.empty()) break;
      bytes = std::move(connection.arrived.front());
      connection.arrived.pop_front();
      connection.unread -= bytes.size();
    }
    // What the socket no longer takes is thrown away: the peer must not wait for it.
    if (!broken && !write_all(connection.socket.get(), bytes)) {
      broken = true;
      shutdown(connection.socket.get(), SHUT_RDWR);
    }
    auto size = static_cast<uint32_t>(bytes.size());
    if (!send(Kind::taken, connection.number, &size, sizeof size)) break;
  }
  // The peer said everything, and wants nothing any more.
  shutdown(connection.socket.get(), SHUT_RDWR);
  std::unique_lock held(connection.lock);
  connection.over = true;
  connection.news.notify_all();
  held.unlock();
  --connection.threads;
}

void Tunnel::forget_finished() {
  std::list<std::shared_ptr<Connection>> finished;  // joined without the lock
  std::scoped_lock held(list_);
  for (auto at = connections_.begin(); at != connections_.end();) {
    auto here = at++;
    if ((*here)->threads == 0) finished.splice(finished.end(), connections_, here);
  }
}

size_t Tunnel::connections() {
  std::scoped_lock held(list_);
  return static_cast<size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const auto& each) { return each->threads > 0; }));
}

base::Status Tunnel::carry(base::Fd socket, const std::string& way) {
  forget_finished();
  if (ending_) return base::Error{"the tunnel is over"};
  if (connections() >= most_connections) return base::Error{"too many connections"};
  const uint32_t number = next_++;
  // Known before the peer is: its first words may come at once.
  auto connection = add(number, std::move(socket));
  const bool told = send(Kind::open, number, way.data(), way.size());
  start(*connection);
  if (!told) return base::Error{"the far side is gone"};
  return base::Done{};
}

base::Result<std::string> Tunnel::ask(const std::string& line, int timeout_ms) {
  std::scoped_lock one(asking_);
  {
    std::scoped_lock held(answer_lock_);
    answered_ = false;
  }
  if (line.size() > most_payload || !send(Kind::ask, 0, line.data(), line.size()))
    return base::Error{"the far side is gone"};
  std::unique_lock held(answer_lock_);
  bool came = answer_news_.wait_for(held, std::chrono::milliseconds(timeout_ms), [&] { return answered_ || ending_; });
  if (answered_) return answer_;
  return base::Error{came ? "the far side closed the connection; its log says why" : "the far side does not answer"};
}

}  // namespace desktop
