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

__m256i coefficients(int16_t blue, int16_t green, int16_t red) {
  return _mm256_setr_epi16(blue, green, red, 0, blue, green, red, 0, blue, green, red, 0, blue, green, red, 0);
}

// Eight pixels as 16-bit numbers: the halves of each 128 bits.
struct Wide {
  __m256i low, high;
};
Wide widen(__m256i pixels) {
  const __m256i zero = _mm256_setzero_si256();
  return {_mm256_unpacklo_epi8(pixels, zero), _mm256_unpackhi_epi8(pixels, zero)};
}
Wide add(Wide a, Wide b) { return {_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)}; }

// Eight weighted sums, 32 bits each, in order.
__m256i weigh(Wide pixels, __m256i weights) {
  return _mm256_hadd_epi32(_mm256_madd_epi16(pixels.low, weights), _mm256_madd_epi16(pixels.high, weights));
}

template <int shift>
__m256i round(__m256i sums, __m256i bias) {
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
__m256i component(const Wide (&p)[4], __m256i weights, __m256i bias) {
  return pack(round<shift>(weigh(p[0], weights), bias), round<shift>(weigh(p[1], weights), bias),
              round<shift>(weigh(p[2], weights), bias), round<shift>(weigh(p[3], weights), bias));
}

void load_32(const uint8_t* pixels, Wide (&wide)[4]) {
  for (int i = 0; i < 4; ++i) wide[i] = widen(load(pixels + 32 * i));
}

// Sums of two rows to 16 bytes of chroma: neighbours are added, then rounded.
__m128i chroma_of(const Wide (&sums)[4], __m256i weights) {
  constexpr int shift = bits + 2;
  // hadd leaves the halves of 128 bits apart: pairs 0 1 4 5 | 2 3 6 7 of two vectors.
  const __m256i first =
      round<shift>(_mm256_hadd_epi32(weigh(sums[0], weights), weigh(sums[1], weights)), chroma_bias<shift>());
  const __m256i second =
      round<shift>(_mm256_hadd_epi32(weigh(sums[2], weights), weigh(sums[3], weights)), chroma_bias<shift>());
  const __m256i a = _mm256_permute4x64_epi64(first, 0xd8), b = _mm256_permute4x64_epi64(second, 0xd8);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

void convert_420(const uint8_t* upper, const uint8_t* lower, size_t count, uint8_t* luma_upper, uint8_t* luma_lower,
                 uint8_t* u, uint8_t* v) {
  const __m256i for_y = coefficients(y_blue, y_green, y_red), for_u = coefficients(u_blue, u_green, u_red),
                for_v = coefficients(v_blue, v_green, v_red);
  size_t x = 0;
  for (; x + 32 <= count; x += 32) {
    Wide above[4], below[4], sums[4];
    load_32(upper + 4 * x, above);
    load_32(lower + 4 * x, below);
    store(luma_upper + x, component<bits>(above, for_y, luma_bias()));
    store(luma_lower + x, component<bits>(below, for_y, luma_bias()));
    for (int i = 0; i < 4; ++i) sums[i] = add(above[i], below[i]);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(u + x / 2), chroma_of(sums, for_u));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(v + x / 2), chroma_of(sums, for_v));
  }
  if (x < count)
    plain_rows.convert_420(upper + 4 * x, lower + 4 * x, count - x, luma_upper + x, luma_lower + x, u + x / 2,
                           v + x / 2);
}

void convert_444(const uint8_t* pixels, size_t count, uint8_t* luma, uint8_t* u, uint8_t* v) {
  const __m256i for_y = coefficients(y_blue, y_green, y_red), for_u = coefficients(u_blue, u_green, u_red),
                for_v = coefficients(v_blue, v_green, v_red);
  size_t x = 0;
  for (; x + 32 <= count; x += 32) {
    Wide wide[4];
    load_32(pixels + 4 * x, wide);
    store(luma + x, component<bits>(wide, for_y, luma_bias()));
    store(u + x, component<bits>(wide, for_u, chroma_bias<bits>()));
    store(v + x, component<bits>(wide, for_v, chroma_bias<bits>()));
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
