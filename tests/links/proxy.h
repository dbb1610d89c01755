// A connection with faults: passes bytes on between a client and a server and, after a random number of them, cuts,
// ends one direction, delays or slows down. Never reorders and never changes a byte. The same seed gives the same
// faults.
#pragma once
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/harness/passage.h"

namespace faults {

enum class Fault { reset, close, half_close_to_client, half_close_to_server, delay, slow_down };

class Proxy {
 public:
  // `bulk`: faults come after so many times the bytes.
  Proxy(int server_port, unsigned seed, size_t bulk = 1);
  ~Proxy();
  int port() const { return door_.port(); }
  int cuts() const { return cuts_; }
  // No further faults; connections that are open stay.
  void calm() { calm_ = true; }
  // Cuts everything and takes no further connection.
  void go_dark();

 private:
  void accept_all();
  void pass_on(base::Fd client, base::Fd server, unsigned seed, bool first);

  harness::Door door_;
  std::mt19937 random_;
  const size_t bulk_;
  std::atomic<int> cuts_{0}, open_{0};
  std::atomic<bool> calm_{false};
  std::thread accepting_;
};

}  // namespace faults
