// Exact arithmetic on numbers and the one place where rounding happens.
#include "device/software/reference/number.h"

#include <algorithm>

namespace reference {
namespace {

using ptx::Rounding;

int length(Natural value) {
  int bits = 0;
  for (; value; value >>= 1) ++bits;
  return bits;
}

// Divides by 2^by; what is lost is remembered in the lowest bit.
Natural shifted_right(Natural value, int by) {
  if (by <= 0) return value;
  if (by >= 128) return value != 0;
  bool lost = (value & ((Natural{1} << by) - 1)) != 0;
  return (value >> by) | (lost ? 1 : 0);
}

// The same number with its leading bit at `bit`.
Number normal(Number number, int bit) {
  int by = bit + 1 - length(number.significand);
  number.significand = by >= 0 ? number.significand << by : shifted_right(number.significand, -by);
  number.exponent -= by;
  return number;
}

Number special(Number::Kind kind, bool negative) {
  Number number;
  number.kind = kind;
  number.negative = negative;
  return number;
}

// significand / 2^by, rounded to a whole number.
Natural rounded(Natural significand, int by, bool negative, Rounding rounding, Random random = {}) {
  if (by <= 0) return significand << -by;
  Natural kept = by >= 128 ? 0 : significand >> by;
  Natural lost = by >= 128 ? significand : significand & ((Natural{1} << by) - 1);
  // Compares what is lost with half of the last kept place: more than 128 places below, it is always less.
  Natural half = by > 128 ? 0 : Natural{1} << (by - 1);
  bool above = by <= 128 && lost > half, tie = by <= 128 && lost == half;
  bool up = false;
  switch (rounding) {
    case Rounding::rz:
    case Rounding::rzi: break;
    case Rounding::rm:
    case Rounding::rmi: up = negative && lost != 0; break;
    case Rounding::rp:
    case Rounding::rpi: up = !negative && lost != 0; break;
    case Rounding::rna: up = above || tie; break;
    case Rounding::rs:
      if (by > 100) break;  // so far below that no random number reaches it
      up = random.bits <= static_cast<unsigned>(by)
               ? ((lost + (Natural{random.value} << (by - random.bits))) >> by) != 0
               : (((lost << (random.bits - by)) + random.value) >> random.bits) != 0;
      break;
    default: up = above || (tie && (kept & 1));
  }
  return kept + (up ? 1 : 0);
}

// The largest finite number, or infinity: where a number too large goes (IEEE 754, 7.4).
uint64_t overflow(bool negative, Format format, Rounding rounding) {
  uint64_t sign = static_cast<uint64_t>(negative) << (format.width() - 1);
  uint64_t top = ((uint64_t{1} << format.exponent_bits) - 1) << format.fraction_bits;
  if (!format.infinities) return sign | (canonical_nan(format) - (format.nans ? 1 : 0));
  bool away = rounding == Rounding::rn || rounding == Rounding::none || rounding == Rounding::rna ||
              (rounding == Rounding::rp && !negative) || (rounding == Rounding::rm && negative);
  return sign | (away ? top : top - 1);
}

}  // namespace

Format format_of(ptx::Type type) {
  switch (type) {
    case ptx::Type::f16:
    case ptx::Type::f16x2: return {5, 10};
    case ptx::Type::bf16:
    case ptx::Type::bf16x2: return {8, 7};
    case ptx::Type::e4m3:
    case ptx::Type::e4m3x2:
    case ptx::Type::e4m3x4: return {4, 3, false};
    case ptx::Type::e5m2:
    case ptx::Type::e5m2x2:
    case ptx::Type::e5m2x4: return {5, 2};
    case ptx::Type::e2m3x2:
    case ptx::Type::e2m3x4: return {2, 3, false, false};
    case ptx::Type::e3m2x2:
    case ptx::Type::e3m2x4: return {3, 2, false, false};
    case ptx::Type::e2m1x2:
    case ptx::Type::e2m1x4: return {2, 1, false, false};
    case ptx::Type::f64: return {11, 52};
    default: return {8, 23};
  }
}

uint64_t canonical_nan(Format format) { return (uint64_t{1} << (format.width() - 1)) - 1; }

Number decode(uint64_t bits, Format format) {
  uint64_t fraction = bits & ((uint64_t{1} << format.fraction_bits) - 1);
  int exponent = static_cast<int>(bits >> format.fraction_bits) & ((1 << format.exponent_bits) - 1);
  Number number = special(Number::finite, bits >> (format.width() - 1) & 1);
  int top = (1 << format.exponent_bits) - 1;
  bool all_ones = exponent == top && fraction == (uint64_t{1} << format.fraction_bits) - 1;
  if (format.infinities ? exponent == top : format.nans && all_ones) {
    number.kind = fraction ? Number::nan : Number::infinite;
    return number;
  }
  if (exponent == 0 && fraction == 0) return special(Number::zero, number.negative);
  number.significand = exponent ? fraction | uint64_t{1} << format.fraction_bits : fraction;
  number.exponent = std::max(exponent, 1) - format.bias() - format.fraction_bits;
  return number;
}

uint64_t encode(Number number, Format format, Rounding rounding, Random random) {
  uint64_t sign = static_cast<uint64_t>(number.negative) << (format.width() - 1);
  if (number.kind == Number::nan) return canonical_nan(format);
  if (number.kind == Number::zero) return sign;
  uint64_t top = (uint64_t{1} << format.exponent_bits) - 1;
  if (number.kind == Number::infinite)
    return format.infinities ? sign | top << format.fraction_bits : overflow(number.negative, format, rounding);
  // The power of two of the result's last place: by its precision, but never below the subnormals'.
  int smallest = 1 - format.bias() - format.fraction_bits;
  int last = std::max(number.exponent + length(number.significand) - 1 - format.fraction_bits, smallest);
  Natural kept = rounded(number.significand, last - number.exponent, number.negative, rounding, random);
  if (kept >> (format.fraction_bits + 1)) kept >>= 1, ++last;  // rounded up to the next power of two
  uint64_t hidden = uint64_t{1} << format.fraction_bits;
  if (kept < hidden) return sign | static_cast<uint64_t>(kept);
  auto biased = static_cast<int64_t>(last) + format.fraction_bits + format.bias();
  uint64_t bits = static_cast<uint64_t>(biased) << format.fraction_bits | (static_cast<uint64_t>(kept) & (hidden - 1));
  uint64_t limit = format.infinities ? top << format.fraction_bits : canonical_nan(format) + (format.nans ? 0 : 1);
  return biased > static_cast<int64_t>(top) || bits >= limit ? overflow(number.negative, format, rounding)
                                                             : sign | bits;
}

Number from_integer(uint64_t bits, bool is_signed) {
  bool negative = is_signed && bits >> 63;
  if (bits == 0) return {};
  Number number = special(Number::finite, negative);
  number.significand = negative ? 0 - bits : bits;
  return number;
}

Number negated(Number number) {
  number.negative = !number.negative;
  return number;
}

Number magnitude(Number number) {
  number.negative = false;
  return number;
}

Number sum(Number a, Number b, Rounding rounding) {
  if (a.kind == Number::nan || b.kind == Number::nan) return special(Number::nan, false);
  if (a.kind == Number::infinite && b.kind == Number::infinite)
    return a.negative == b.negative ? a : special(Number::nan, false);
  if (a.kind == Number::infinite) return a;
  if (b.kind == Number::infinite) return b;
  bool down = rounding == Rounding::rm;
  if (a.kind == Number::zero && b.kind == Number::zero)
    return special(Number::zero, a.negative == b.negative ? a.negative : down);
  if (a.kind == Number::zero) return b;
  if (b.kind == Number::zero) return a;
  // Factors have at most 106 bits and stand at the top of 126: bits are lost only where the numbers are more than
  // 19 places apart, and then a sticky bit says all that rounding needs.
  a = normal(a, 125), b = normal(b, 125);
  if (a.exponent < b.exponent) std::swap(a, b);
  b.significand = shifted_right(b.significand, a.exponent - b.exponent);
  Number result = a;
  if (a.negative == b.negative) {
    result.significand = a.significand + b.significand;
  } else {
    bool swapped = a.significand < b.significand;
    result.significand = swapped ? b.significand - a.significand : a.significand - b.significand;
    result.negative = swapped ? b.negative : a.negative;
  }
  return result.significand ? result : special(Number::zero, down);
}

Number product(Number a, Number b) {
  bool negative = a.negative != b.negative;
  if (a.kind == Number::nan || b.kind == Number::nan) return special(Number::nan, false);
  bool infinite = a.kind == Number::infinite || b.kind == Number::infinite;
  bool zero = a.kind == Number::zero || b.kind == Number::zero;
  if (infinite) return zero ? special(Number::nan, false) : special(Number::infinite, negative);
  if (zero) return special(Number::zero, negative);
  Number result = special(Number::finite, negative);
  result.significand = a.significand * b.significand;  // at most 64 bits each
  result.exponent = a.exponent + b.exponent;
  return result;
}

Number quotient(Number a, Number b) {
  bool negative = a.negative != b.negative;
  if (a.kind == Number::nan || b.kind == Number::nan) return special(Number::nan, false);
  if (a.kind == b.kind && (a.kind == Number::infinite || a.kind == Number::zero)) return special(Number::nan, false);
  if (a.kind == Number::infinite || b.kind == Number::zero) return special(Number::infinite, negative);
  if (a.kind == Number::zero || b.kind == Number::infinite) return special(Number::zero, negative);
  a = normal(a, 127), b = normal(b, 62);
  Number result = special(Number::finite, negative);
  result.significand = a.significand / b.significand;
  if (a.significand % b.significand) result.significand |= 1;
  result.exponent = a.exponent - b.exponent;
  return result;
}

Number root(Number a) {
  if (a.kind == Number::nan || a.kind == Number::zero) return a;
  if (a.negative) return special(Number::nan, false);
  if (a.kind == Number::infinite) return a;
  a = normal(a, 125);
  if (a.exponent % 2 != 0) a.significand >>= 1, ++a.exponent;  // the lowest bits of a number so scaled are zeros
  Natural found = 0;
  for (int bit = 63; bit >= 0; --bit) {
    Natural next = found | Natural{1} << bit;
    if (next * next <= a.significand) found = next;
  }
  Number result = special(Number::finite, false);
  result.significand = found << 1 | (found * found != a.significand ? 1 : 0);
  result.exponent = a.exponent / 2 - 1;
  return result;
}

Number whole(Number number, Rounding rounding) {
  if (number.kind != Number::finite || number.exponent >= 0) return number;
  Number result = number;
  result.significand = rounded(number.significand, -number.exponent, number.negative, rounding);
  result.exponent = 0;
  if (!result.significand) result.kind = Number::zero;
  return result;
}

Order order(const Number& a, const Number& b) {
  if (a.kind == Number::nan || b.kind == Number::nan) return Order::unordered;
  bool both_infinite = a.kind == Number::infinite && b.kind == Number::infinite;
  Number difference;
  if (!both_infinite)
    difference = sum(a, negated(b), Rounding::rn);
  else if (a.negative != b.negative)
    difference = a;
  if (difference.kind == Number::zero) return Order::equal;
  return difference.negative ? Order::less : Order::greater;
}

}  // namespace reference
