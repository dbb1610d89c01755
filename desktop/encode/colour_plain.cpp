// Rows of colour without vector instructions: for other processors, and what the vector code is compared with.
#include <algorithm>

#include "desktop/encode/colour_rows.h"

namespace desktop {
namespace {

using namespace bt709;

struct Sum {
  int blue, green, red;
};
Sum pixel(const uint8_t* at) { return {at[0], at[1], at[2]}; }
Sum operator+(Sum a, Sum b) { return {a.blue + b.blue, a.green + b.green, a.red + b.red}; }

uint8_t rounded(int value, int shift, int offset) {
  return static_cast<uint8_t>(std::clamp(((value + (1 << (shift - 1))) >> shift) + offset, 0, 255));
}
uint8_t luma(Sum s) { return rounded(s.red * y_red + s.green * y_green + s.blue * y_blue, bits, 0); }
uint8_t blue_difference(Sum s, int shift) {
  return rounded(s.red * u_red + s.green * u_green + s.blue * u_blue, shift, 128);
}
uint8_t red_difference(Sum s, int shift) {
  return rounded(s.red * v_red + s.green * v_green + s.blue * v_blue, shift, 128);
}

void convert_420(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* luma_upper, uint8_t* luma_lower,
                 uint8_t* u, uint8_t* v) {
  for (size_t x = 0; x < count; x += 2) {
    const Sum a = pixel(upper + 4 * x), b = pixel(upper + 4 * x + 4);
    const Sum c = pixel(lower + 4 * x), d = pixel(lower + 4 * x + 4);
    luma_upper[x] = luma(a);
    luma_upper[x + 1] = luma(b);
    luma_lower[x] = luma(c);
    luma_lower[x + 1] = luma(d);
    const Sum four = a + b + c + d;
    u[x / 2] = blue_difference(four, bits + 2);
    v[x / 2] = red_difference(four, bits + 2);
  }
}

void convert_444(const uint8_t* pixels, size_t count, uint8_t* y, uint8_t* u, uint8_t* v) {
  for (size_t x = 0; x < count; ++x) {
    const Sum one = pixel(pixels + 4 * x);
    y[x] = luma(one);
    u[x] = blue_difference(one, bits);
    v[x] = red_difference(one, bits);
  }
}

void split(const uint8_t* bytes, size_t count, uint8_t* even, uint8_t* odd) {
  for (size_t i = 0; i < count / 2; ++i) {
    even[i] = bytes[2 * i];
    odd[i] = bytes[2 * i + 1];
  }
}

void halve(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* means) {
  for (size_t i = 0; i < count / 2; ++i)
    means[i] = static_cast<uint8_t>((upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1] + 2) >> 2);
}

}  // namespace

const ColourRows plain_rows{convert_420, convert_444, split, halve};

}  // namespace desktop
