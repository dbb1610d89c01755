// A port of this machine behind which a server is reached: what the connections through a proxy begin with. The proxies
// of tests/links and of bench pass the bytes on, each in its way.
#pragma once
#include <atomic>
#include <cstddef>
#include <optional>

#include "base/fd.h"

namespace harness {

// The two ends of one connection, without Nagle's delay.
struct Passage {
  base::Fd client, server;
};

class Door {
 public:
  // Listens on a free port of 127.0.0.1. Exits the program when there is none: nothing can be tested then.
  explicit Door(int server_port);
  int port() const { return port_; }
  // Waits for a client, and connects for it. Nothing: the door is closed, or the server does not answer.
  std::optional<Passage> accept();
  // From any thread; accept() returns from then on.
  void close();
  bool closed() const { return closed_; }

 private:
  base::Fd listener_;
  int server_port_, port_ = 0;
  std::atomic<bool> closed_{false};
};

// All of it; false: the peer is gone.
bool send_all(int socket, const char* bytes, size_t size);

}  // namespace harness
