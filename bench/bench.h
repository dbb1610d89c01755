// Shared by the benchmarks: medians, and what each measures.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace bench {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// bare.cpp: what the same sockets do without us. `tcp` false: a unix socket.
double bare_round_trip_us(bool tcp);
double bare_stream_gb_per_s(bool tcp);
// A round trip of the same bytes through a Delay (delay.h).
double bare_far_trip_ms(std::chrono::microseconds one_way);
// The same for memory that two processes share: two words that take turns, and one copy of a large block.
double bare_memory_round_trip_us();
double memory_copy_gb_per_s();

// bare_tls.cpp: the same stream through OpenSSL alone, on so many connections at once.
double bare_tls_stream_gb_per_s(int connections = 1);

// driver.cpp: a program's launches of an empty kernel.
class Launcher {
 public:
  explicit Launcher(const std::string& library);
  void launch(unsigned turn = 0);  // all parameters are other ones in each turn
  void wait();

 private:
  void* function_ = nullptr;
  void *launch_ = nullptr, *wait_ = nullptr;
};

// clients.cpp: of the server that OUTBOARD_TARGET names, whose process is `server`; `self` is this program.
double launches_per_second(const std::string& self, const std::string& library, int clients);
double idle_session_mb(const std::string& self, const std::string& library, int server);
// What each of the clients does.
int be_busy(const std::string& library);
int be_idle(const std::string& library);

// command.cpp: what a command that runs programs elsewhere ("ssh HOST") does without us.
double command_round_trip_us(const std::string& prefix);
double command_stream_gb_per_s(const std::string& prefix);

// driver.cpp: runs in a child process with OUTBOARD_TARGET set, prints "name value" lines.
int measure_driver(const std::string& library);
// The same for a step of a training.
int measure_step(const std::string& library);
// A hundred thousand launches, so that what else is sent does not count.
constexpr int often = 100'000;
int launch_often(const std::string& library);
// Only starts the driver, as a trivial program does.
int start_driver(const std::string& library);

}  // namespace bench
