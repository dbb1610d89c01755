#include "client/trace.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace client {
namespace {

bool tracing() {
  static const bool is = [] {
    const char* wanted = std::getenv("OUTBOARD_TRACE");
    return wanted && std::string_view(wanted) == "waits";
  }();
  return is;
}

struct Waits {
  std::mutex lock;
  std::map<std::string, int> by_function;
};
Waits& waits() {
  static auto* made = new Waits;  // programs call the driver while they exit
  return *made;
}

}  // namespace

void trace_wait(const char* function) {
  if (!tracing()) return;
  std::lock_guard hold(waits().lock);
  ++waits().by_function[function];
}

void say_waits(size_t connections) {
  if (!tracing()) return;
  std::lock_guard hold(waits().lock);
  int sum = 0;
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [function, count] : waits().by_function) sum += count, sorted.emplace_back(-count, function);
  std::sort(sorted.begin(), sorted.end());
  std::fprintf(stderr, "outboard: %d round trips\n", sum);
  if (connections > 1) std::fprintf(stderr, "outboard: %zu connections for bulk\n", connections);
  for (const auto& [count, function] : sorted) std::fprintf(stderr, "outboard: %7d %s\n", -count, function.c_str());
}

}  // namespace client
