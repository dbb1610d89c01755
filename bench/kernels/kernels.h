// What the three ways of running the kernels share: sizes, inputs, the clock, and how a result is printed. Each of the
// three prints "name value sum" lines, where sum is of the output and must agree between them.
#pragma once
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

// Runs `once` (which must leave nothing under way) until 0.25 s have gone by, at least three times; prints
// work / median seconds.
inline void report(const char* name, double work, double sum, const std::function<void()>& once) {
  std::vector<double> times;
  double start = seconds();
  while (times.size() < 3 || seconds() - start < 0.25) {
    double begin = seconds();
    once();
    times.push_back(seconds() - begin);
  }
  std::printf("%s %.6g %.9g\n", name, work / median(times), sum);
  std::fflush(stdout);
}

}  // namespace bench
