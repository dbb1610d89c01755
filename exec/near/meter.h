// How far a transfer is, on standard error: a line that moves on a terminal; elsewhere one sentence, when it took long.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace exec {

class Meter {
 public:
  // `what`: "sending", "bringing back".
  Meter(std::string what, uint64_t total, bool quiet);
  void moved(uint64_t done, uint64_t travelled);
  void finish();

 private:
  double seconds() const;

  const std::string what_;
  const uint64_t total_;
  const bool terminal_, quiet_;
  uint64_t done_ = 0, travelled_ = 0;
  bool shown_ = false;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = began_;
};

}  // namespace exec
