// Time for waiting: it never goes back.
#pragma once
#include <cstdint>
#include <ctime>

namespace exec {

inline int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

}  // namespace exec
