// What the three ways of running the kernels share: sizes, inputs, the clock, and how a result is printed. Each of the
// three prints "name rate rate-per-processor-second sum" lines, where sum is of the output and must agree between them.
#pragma once
#include <time.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <vector>

#include "bench/bench.h"

namespace bench {

constexpr int million = 1 << 20;
constexpr int vector_size = 16 * million, small_size = 32 * 1024, matrix = 1024, bodies = 16384;
constexpr int picture_width = 2048, picture_height = 1024, iterations = 256;
constexpr int grid_width = 4096, grid_height = 2048, turned = 2048;

inline std::vector<float> numbers(size_t count, float low, float high, uint32_t seed = 1) {
  std::vector<float> made(count);
  for (float& value : made) {
    seed = seed * 1664525 + 1013904223;
    value = low + (high - low) * static_cast<float>(seed >> 8) * 0x1p-24f;
  }
  return made;
}

template <class T>
double sum_of(const std::vector<T>& values) {
  double sum = 0;
  for (T value : values) sum += static_cast<double>(value);
  return sum;
}

// Of this process, all threads together: what others on the machine do hardly changes it.
inline double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Runs `once` (which must leave nothing under way) for a while to warm up, then until 0.25 s have gone by, at least
// three times; prints work / median seconds and work / median processor seconds.
inline void report(const char* name, double work, double sum, const std::function<void()>& once) {
  for (double start = seconds(); seconds() - start < 0.1;) once();
  std::vector<double> times, processor_times;
  double start = seconds();
  while (times.size() < 3 || seconds() - start < 0.25) {
    double begin = seconds(), processor_begin = processor_seconds();
    once();
    times.push_back(seconds() - begin);
    processor_times.push_back(processor_seconds() - processor_begin);
  }
  std::printf("%s %.6g %.6g %.9g\n", name, work / median(times), work / median(processor_times), sum);
  std::fflush(stdout);
}

}  // namespace bench
