// A link that is far away: passes bytes on between clients and a server on this machine, each a while after it came.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
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
  // That clients have sent so far.
  uint64_t sent() const { return *sent_; }

 private:
  void accept_all(std::chrono::microseconds one_way);

  harness::Door door_;
  const std::shared_ptr<std::atomic<uint64_t>> sent_ = std::make_shared<std::atomic<uint64_t>>(0);
  std::thread accepting_;
};

}  // namespace bench
