// A link that is far away: passes bytes on between clients and a server on this machine, each a while after it came.
#pragma once
#include <chrono>
#include <thread>

#include "tests/harness/passage.h"

namespace bench {

class Delay {
 public:
  // `one_way`: half of what it adds to a round trip.
  Delay(int server_port, std::chrono::microseconds one_way);
  ~Delay();
  Delay(const Delay&) = delete;
  Delay& operator=(const Delay&) = delete;
  int port() const { return door_.port(); }

 private:
  void accept_all(std::chrono::microseconds one_way);

  harness::Door door_;
  std::thread accepting_;
};

}  // namespace bench
