// Rows of pixels to rows of YUV: one table, filled with plain C++ or with AVX2. `count` is a multiple of 16.
#pragma once
#include <cstddef>
#include <cstdint>

namespace desktop {

struct ColourRows {
  // Two rows: luma of both, chroma of each square of four.
  void (*convert_420)(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* luma_upper,
                      uint8_t* luma_lower, uint8_t* u, uint8_t* v);
  // One row: luma and chroma of every pixel.
  void (*convert_444)(const uint8_t* pixels, size_t count, uint8_t* luma, uint8_t* u, uint8_t* v);
  // Even and odd bytes apart.
  void (*split)(const uint8_t* bytes, size_t count, uint8_t* even, uint8_t* odd);
  // Means of squares of four.
  void (*halve)(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* means);
};

extern const ColourRows plain_rows;
extern const ColourRows avx2_rows;  // only where the processor has it

// Coefficients of ITU-R BT.709-6 (3.2 to 3.4), times 2^15; each row's sum is exactly 2^15 or 0, so that greys stay
// grey.
namespace bt709 {
inline constexpr int bits = 15;
inline constexpr int16_t y_red = 6966, y_green = 23436, y_blue = 2366;
inline constexpr int16_t u_red = -3754, u_green = -12630, u_blue = 16384;
inline constexpr int16_t v_red = 16384, v_green = -14882, v_blue = -1502;
}  // namespace bt709

}  // namespace desktop
