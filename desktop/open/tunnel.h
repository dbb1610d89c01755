// Many connections over one link: what a viewer here and a session elsewhere say to each other, and questions about the
// session. Each connection has a window of its own, so that one that does not read holds no other up.
//
// Frames are a head of 12 bytes in the machine's byte order (as in wire/) and at most `most_payload` bytes. A peer that
// breaks the rules ends the tunnel.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "link/link.h"

namespace desktop {

class Tunnel {
 public:
  static constexpr size_t most_payload = 64 << 10, window = 1 << 20, most_connections = 64;

  // What the peer may ask of this side; called on the tunnel's own thread, one at a time.
  struct Answers {
    // A connection of the peer's shall lead there: a connected socket.
    std::function<base::Result<base::Fd>(const std::string& way)> open;
    // One line asks, one line answers.
    std::function<std::string(const std::string& line)> answer;
  };

  Tunnel(links::Link link, Answers answers);
  ~Tunnel();  // end(), and waits for the threads
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // The connection that this socket is leads to the peer's `way` from now on.
  base::Status carry(base::Fd socket, const std::string& way);
  // Asks the peer; one question at a time.
  base::Result<std::string> ask(const std::string& line, int timeout_ms);

  size_t connections();
  // Readable when the tunnel is over.
  int over() const { return over_.get(); }
  void end();

 private:
  struct Head;
  struct Connection;
  enum class Kind : uint16_t;

  bool send(Kind kind, uint32_t number, const void* bytes, size_t size);
  bool read_all(void* to, size_t size);
  void read_frames();
  bool take(const Head& head, const std::string& payload);
  bool open(uint32_t number, const std::string& way);
  std::shared_ptr<Connection> add(uint32_t number, base::Fd socket);
  void start(Connection& connection);
  std::shared_ptr<Connection> find(uint32_t number);
  void from_socket(Connection& connection);  // each in a thread of its own
  void to_socket(Connection& connection);
  void forget_finished();

  links::Link link_;
  const Answers answers_;
  base::Fd over_;
  std::atomic<bool> ending_{false};
  std::mutex sending_, list_, asking_;
  std::list<std::shared_ptr<Connection>> connections_;  // shared with their threads
  uint32_t next_ = 1;
  std::mutex answer_lock_;
  std::condition_variable answer_news_;
  bool answered_ = false;
  std::string answer_;
  std::thread reader_;
};

}  // namespace desktop
