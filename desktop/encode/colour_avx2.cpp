// Rows of colour, 32 pixels at a time. Compiled with -mavx2; called only where the processor has it. The last 16 pixels
// of a row go the plain way.
#include "desktop/encode/colour_rows.h"

#ifdef __AVX2__
#include <immintrin.h>

namespace desktop {
namespace {

using namespace bt709;

__m256i load(const uint8_t* at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)); }
void store(uint8_t* at, __m256i value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), value); }

// A pixel's blue and red, and its green, as 16-bit numbers side by side: what one multiply-and-add takes.
struct Parts {
  __m256i blue_red, green;
};
Parts take_apart(__m256i pixels) {
  return {_mm256_and_si256(pixels, _mm256_set1_epi32(0x00ff00ff)), _mm256_srli_epi16(pixels, 8)};
}
Parts add(const Parts& a, const Parts& b) {
  return {_mm256_add_epi16(a.blue_red, b.blue_red), _mm256_add_epi16(a.green, b.green)};
}
// Neighbours of 16 pixels; no 16-bit number of four pixels overflows into the next. The halves of 128 bits stay apart:
// pairs 0 1 4 5 | 2 3 6 7.
Parts add_neighbours(const Parts& a, const Parts& b) {
  return {_mm256_hadd_epi32(a.blue_red, b.blue_red), _mm256_hadd_epi32(a.green, b.green)};
}

// What lies above green is never looked at: its weight is zero.
struct Weights {
  Weights(int blue, int green, int red)
      : blue_red(_mm256_set1_epi32(red * 65536 + (blue & 0xffff))), green(_mm256_set1_epi32(green & 0xffff)) {}
  __m256i blue_red, green;
};

// Eight weighted sums, 32 bits each, rounded.
template <int shift>
__m256i weigh(const Parts& pixels, const Weights& weights, __m256i bias) {
  const __m256i sums = _mm256_add_epi32(_mm256_madd_epi16(pixels.blue_red, weights.blue_red),
                                        _mm256_madd_epi16(pixels.green, weights.green));
  return _mm256_srai_epi32(_mm256_add_epi32(sums, bias), shift);
}

// 32 numbers of 32 bits to bytes, saturated, in order.
__m256i pack(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i mixed = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
  return _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

const __m256i luma_bias() { return _mm256_set1_epi32(1 << (bits - 1)); }
template <int shift>
__m256i chroma_bias() {
  return _mm256_set1_epi32((1 << (shift - 1)) + (128 << shift));
}

template <int shift>
__m256i component(const Parts (&p)[4], const Weights& weights, __m256i bias) {
  return pack(weigh<shift>(p[0], weights, bias), weigh<shift>(p[1], weights, bias), weigh<shift>(p[2], weights, bias),
              weigh<shift>(p[3], weights, bias));
}

void load_32(const uint8_t* pixels, Parts (&parts)[4]) {
  for (int i = 0; i < 4; ++i) parts[i] = take_apart(load(pixels + 32 * i));
}

// Two times eight sums of four pixels, as add_neighbours leaves them, to 16 bytes of chroma.
void store_chroma(const Parts& first, const Parts& second, const Weights& weights, uint8_t* to) {
  constexpr int shift = bits + 2;
  const __m256i a = weigh<shift>(first, weights, chroma_bias<shift>()),
                b = weigh<shift>(second, weights, chroma_bias<shift>());
  const __m256i words = _mm256_packus_epi32(a, b);  // 0 1 4 5, 8 9 12 13 | 2 3 6 7, 10 11 14 15
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const __m256i in_order = _mm256_shuffle_epi8(_mm256_permute4x64_epi64(bytes, 0xd8),
                                               _mm256_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0,
                                                                1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(in_order));
}

void convert_420(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* luma_upper, uint8_t* luma_lower,
                 uint8_t* u, uint8_t* v) {
  const Weights for_y(y_blue, y_green, y_red), for_u(u_blue, u_green, u_red), for_v(v_blue, v_green, v_red);
  size_t x = 0;
  for (; x + 32 <= count; x += 32) {
    Parts above[4], below[4];
    load_32(upper + 4 * x, above);
    load_32(lower + 4 * x, below);
    store(luma_upper + x, component<bits>(above, for_y, luma_bias()));
    store(luma_lower + x, component<bits>(below, for_y, luma_bias()));
    const Parts first = add_neighbours(add(above[0], below[0]), add(above[1], below[1]));
    const Parts second = add_neighbours(add(above[2], below[2]), add(above[3], below[3]));
    store_chroma(first, second, for_u, u + x / 2);
    store_chroma(first, second, for_v, v + x / 2);
  }
  if (x < count)
    plain_rows.convert_420(upper + 4 * x, lower + 4 * x, count - x, luma_upper + x, luma_lower + x, u + x / 2,
                           v + x / 2);
}

void convert_444(const uint8_t* pixels, size_t count, uint8_t* luma, uint8_t* u, uint8_t* v) {
  const Weights for_y(y_blue, y_green, y_red), for_u(u_blue, u_green, u_red), for_v(v_blue, v_green, v_red);
  size_t x = 0;
  for (; x + 32 <= count; x += 32) {
    Parts parts[4];
    load_32(pixels + 4 * x, parts);
    store(luma + x, component<bits>(parts, for_y, luma_bias()));
    store(u + x, component<bits>(parts, for_u, chroma_bias<bits>()));
    store(v + x, component<bits>(parts, for_v, chroma_bias<bits>()));
  }
  if (x < count) plain_rows.convert_444(pixels + 4 * x, count - x, luma + x, u + x, v + x);
}

void split(const uint8_t* bytes, size_t count, uint8_t* even, uint8_t* odd) {
  const __m256i low = _mm256_set1_epi16(0xff);
  size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    const __m256i a = load(bytes + i), b = load(bytes + i + 32);
    const __m256i evens = _mm256_packus_epi16(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
    const __m256i odds = _mm256_packus_epi16(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8));
    store(even + i / 2, _mm256_permute4x64_epi64(evens, 0xd8));
    store(odd + i / 2, _mm256_permute4x64_epi64(odds, 0xd8));
  }
  if (i < count) plain_rows.split(bytes + i, count - i, even + i / 2, odd + i / 2);
}

void halve(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* means) {
  const __m256i ones = _mm256_set1_epi8(1), two = _mm256_set1_epi16(2);
  auto four = [&](const uint8_t* a, const uint8_t* b) {
    const __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(load(a), ones), _mm256_maddubs_epi16(load(b), ones));
    return _mm256_srli_epi16(_mm256_add_epi16(sum, two), 2);
  };
  size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    const __m256i packed = _mm256_packus_epi16(four(upper + i, lower + i), four(upper + i + 32, lower + i + 32));
    store(means + i / 2, _mm256_permute4x64_epi64(packed, 0xd8));
  }
  if (i < count) plain_rows.halve(upper + i, lower + i, count - i, means + i / 2);
}

}  // namespace

const ColourRows avx2_rows{convert_420, convert_444, split, halve};

}  // namespace desktop
#else
namespace desktop {
const ColourRows avx2_rows = plain_rows;
}
#endif
