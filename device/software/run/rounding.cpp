// Double precision in the rounding modes of the processor. Volatile, so that the compiler neither computes ahead nor
// moves arithmetic across the switch of the mode.
#include <cfenv>
#include <cmath>
#include <cstring>

#include "device/software/run/warp.h"

namespace {

double real(const uint64_t& bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
uint64_t bits_of(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

uint64_t arithmetic(uint32_t what, double x, double y, double z) {
  volatile double a = x, b = y, c = z, result = 0;
  switch (what) {
    case outboard_sum: result = a + b; break;
    case outboard_difference: result = a - b; break;
    case outboard_product: result = a * b; break;
    case outboard_quotient: result = a / b; break;
    case outboard_root: result = std::sqrt(a); break;
    default: result = std::fma(a, b, c);
  }
  return bits_of<double>(result);
}

uint64_t conversion(uint32_t what, uint64_t integer) {
  // Half the number with its last bit kept as a sticky one has the same neighbours as the number itself.
  bool halved = integer >> 63 && (what == outboard_unsigned_to_float || what == outboard_unsigned_to_double);
  volatile int64_t number = static_cast<int64_t>(halved ? integer >> 1 | (integer & 1) : integer);
  if (what == outboard_signed_to_double || what == outboard_unsigned_to_double) {
    volatile double result = static_cast<double>(number);
    return bits_of<double>(halved ? 2 * result : result);
  }
  volatile float result = static_cast<float>(number);
  return bits_of<float>(halved ? 2 * result : result);
}

}  // namespace

extern "C" void outboard_round(uint32_t what, uint32_t mode, uint32_t count, uint64_t* operands) {
  int before = std::fegetround();
  std::fesetround(mode == outboard_towards_zero ? FE_TOWARDZERO : mode == outboard_down ? FE_DOWNWARD : FE_UPWARD);
  for (uint32_t i = 0; i < count; ++i)
    operands[i] = what >= outboard_signed_to_float
                      ? conversion(what, operands[i])
                      : arithmetic(what, real(operands[i]), real(operands[count + i]), real(operands[2 * count + i]));
  std::fesetround(before);
}
