#include "device/software/run/reduction.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace software {
namespace {

// Halves as numbers: two of them have a sum that a float holds well enough to round it once more (11 bits each in 24).
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

float number(Half half) {
  uint32_t sign = uint32_t{half.bits} >> 15 << 31, exponent = half.bits >> 10 & 31, fraction = half.bits & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | fraction << 13);
  float size = exponent ? std::ldexp(static_cast<float>(fraction | 1024), static_cast<int>(exponent) - 25)
                        : std::ldexp(static_cast<float>(fraction), -24);
  return sign ? -size : size;
}
float number(Brain brain) { return std::bit_cast<float>(uint32_t{brain.bits} << 16); }

Half rounded(float value, Half) {
  auto sign = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 31 << 15);
  float size = std::fabs(value);
  if (std::isnan(value)) return {0x7fff};
  if (size >= 65520.0f) return {static_cast<uint16_t>(sign | 0x7c00)};
  int exponent = size == 0 ? -14 : std::max(std::ilogb(size), -14);
  auto steps = static_cast<uint32_t>(std::nearbyint(std::ldexp(size, 10 - exponent)));  // ties to even
  return {static_cast<uint16_t>(sign | (steps + static_cast<uint32_t>(exponent + 14) * 1024))};
}
Brain rounded(float value, Brain) {
  auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

// min and max of PTX: the number, where the other one is NaN; -0 is less than +0.
template <class T>
T real_result(Reduce what, T a, T b) {
  switch (what) {
    case Reduce::add: return a + b;
    case Reduce::minimum: return a == b ? (std::signbit(a) ? a : b) : std::fmin(a, b);
    case Reduce::maximum: return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b);
    default: return a;
  }
}
float result(Reduce what, float a, float b) { return real_result(what, a, b); }
double result(Reduce what, double a, double b) { return real_result(what, a, b); }
Half result(Reduce what, Half a, Half b) { return rounded(real_result(what, number(a), number(b)), a); }
Brain result(Reduce what, Brain a, Brain b) { return rounded(real_result(what, number(a), number(b)), a); }

template <class T>
requires std::numeric_limits<T>::is_integer T result(Reduce what, T a, T b) {
  using Bits = std::make_unsigned_t<T>;
  auto x = static_cast<Bits>(a), y = static_cast<Bits>(b);
  switch (what) {
    case Reduce::add: return static_cast<T>(x + y);
    case Reduce::minimum: return std::min(a, b);
    case Reduce::maximum: return std::max(a, b);
    case Reduce::increment: return static_cast<T>(x >= y ? 0 : x + 1);  // PTX ISA, "atom": .inc, .dec
    case Reduce::decrement: return static_cast<T>(x == 0 || x > y ? y : x - 1);
    case Reduce::and_: return static_cast<T>(x & y);
    case Reduce::or_: return static_cast<T>(x | y);
    case Reduce::xor_: return static_cast<T>(x ^ y);
    case Reduce::none: break;
  }
  return b;
}

template <class T, class Bits>
void each(Reduce what, uint8_t* to, const uint8_t* from, size_t bytes) {
  static_assert(sizeof(T) == sizeof(Bits));
  for (size_t at = 0; at < bytes; at += sizeof(T)) {
    Bits given;
    std::memcpy(&given, from + at, sizeof given);
    std::atomic_ref<Bits> place(*reinterpret_cast<Bits*>(to + at));
    Bits old = place.load(std::memory_order_relaxed), made;
    do made = std::bit_cast<Bits>(result(what, std::bit_cast<T>(old), std::bit_cast<T>(given)));
    while (!place.compare_exchange_weak(old, made));
  }
}

}  // namespace

unsigned bytes_of(Element type) {
  switch (type) {
    case Element::f16:
    case Element::bf16: return 2;
    case Element::u64:
    case Element::s64:
    case Element::b64:
    case Element::f64: return 8;
    default: return 4;
  }
}

void reduce(uint32_t reduction, uint8_t* to, const uint8_t* from, size_t bytes) {
  Reduce what = what_of(reduction);
  switch (element_of(reduction)) {
    case Element::u32:
    case Element::b32: return each<uint32_t, uint32_t>(what, to, from, bytes);
    case Element::s32: return each<int32_t, uint32_t>(what, to, from, bytes);
    case Element::u64:
    case Element::b64: return each<uint64_t, uint64_t>(what, to, from, bytes);
    case Element::s64: return each<int64_t, uint64_t>(what, to, from, bytes);
    case Element::f16: return each<Half, uint16_t>(what, to, from, bytes);
    case Element::bf16: return each<Brain, uint16_t>(what, to, from, bytes);
    case Element::f32: return each<float, uint32_t>(what, to, from, bytes);
    case Element::f64: return each<double, uint64_t>(what, to, from, bytes);
  }
}

}  // namespace software
