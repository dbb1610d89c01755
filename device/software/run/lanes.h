// One value per lane, and loops over them that the compiler turns into vectors. For the texture unit.
#pragma once
#include <cstdint>
#include <cstring>

#include "device/software/run/warp.h"

namespace software {

template <class T>
struct alignas(64) Lanes {
  T at[warp_size];
  T& operator[](unsigned lane) { return at[lane]; }
  const T& operator[](unsigned lane) const { return at[lane]; }
};

template <class Body>
inline void each_lane(const Body& body) {
  for (unsigned lane = 0; lane < warp_size; ++lane) body(lane);
}

inline float as_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline uint32_t as_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// What is not between the bounds becomes the nearer one; not a number becomes the lower one. A comparison, so that
// vectors have it.
inline float limited(float value, float low, float high) {
  value = value > low ? value : low;
  return value < high ? value : high;
}
inline int32_t limited(int32_t value, int32_t low, int32_t high) {
  value = value > low ? value : low;
  return value < high ? value : high;
}

// The next integer below, of values that an int32_t holds: vectors without SSE4.1 have no floor.
inline int32_t floor_of(float value) {
  auto whole = static_cast<int32_t>(value);
  return whole - (static_cast<float>(whole) > value);
}

}  // namespace software
