// A link that is far away: passes bytes on between clients and a server on this machine, each a while after it came.
#pragma once
#include <atomic>
#include <chrono>
#include <thread>

#include "base/fd.h"

namespace bench {

class Delay {
 public:
  // `one_way`: half of what it adds to a round trip.
  Delay(int server_port, std::chrono::microseconds one_way);
  ~Delay();
  Delay(const Delay&) = delete;
  Delay& operator=(const Delay&) = delete;
  int port() const { return port_; }

 private:
  void accept_all(int server_port, std::chrono::microseconds one_way);

  base::Fd listener_;
  int port_ = 0;
  std::thread accepting_;
};

}  // namespace bench
