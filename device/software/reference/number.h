// Floating-point numbers as IEEE 754 defines an operation: compute as if exactly, then round once. Written for
// clarity: a number is a sign, a whole number and a power of two, and nothing here uses the host's own floats.
#pragma once
#include <cstdint>

#include "device/software/ptx/ast.h"

namespace reference {

using Natural = unsigned __int128;

// A binary interchange format. Its values: (-1)^sign * 1.fraction * 2^(exponent - bias), subnormals, zeros,
// infinities and NaNs (IEEE 754-2019, 3.4).
struct Format {
  int exponent_bits, fraction_bits;
  bool infinities = true;  // e4m3 has none: its largest exponent is one of ordinary numbers, and NaN is all ones
  bool nans = true;        // e2m3, e3m2 and e2m1 have neither
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int width() const { return 1 + exponent_bits + fraction_bits; }
};
Format format_of(ptx::Type type);  // of a packed type: of one element

struct Number {
  enum Kind : uint8_t { zero, finite, infinite, nan };
  Kind kind = zero;
  bool negative = false;
  int exponent = 0;         // finite: significand * 2^exponent, significand not 0
  Natural significand = 0;  // the lowest bit of a number that did not fit is "sticky": something follows below
};

Number decode(uint64_t bits, Format format);
// Rounds once: to nearest even (rn), towards zero (rz), down (rm), up (rp), to nearest with ties away (rna), or (rs)
// away from zero where what is lost, as a fraction of `random.bits` bits, and the random number reach 1 together. NaN
// becomes PTX's canonical one (PTX ISA, "Floating-Point Instructions": 0x7fffffff for .f32).
struct Random {
  uint64_t value = 0;
  unsigned bits = 0;
};
uint64_t encode(Number number, Format format, ptx::Rounding rounding = ptx::Rounding::rn, Random random = {});
uint64_t canonical_nan(Format format);

Number from_integer(uint64_t bits, bool is_signed);  // of 64 bits
Number negated(Number number);
Number magnitude(Number number);

// Exact, or with a sticky lowest bit far below what any format keeps. `rounding` decides the sign of x - x
// (IEEE 754, 6.3).
Number sum(Number a, Number b, ptx::Rounding rounding);
Number product(Number a, Number b);
Number quotient(Number a, Number b);
Number root(Number a);

// To a whole number: rni (ties to even), rzi, rmi, rpi.
Number whole(Number number, ptx::Rounding rounding);

enum class Order : uint8_t { less, equal, greater, unordered };
Order order(const Number& a, const Number& b);  // -0 equals +0

}  // namespace reference
