// SIMD intrinsics on bytes and halves, and the video instructions that nvcc does not spell, against plain loops.
#include <algorithm>
#include <cstdint>

#include "check.h"

constexpr int count = 512, results = 14;

__host__ __device__ uint32_t word(uint32_t i) {
  i = (i ^ 61) ^ (i >> 16);
  i *= 9;
  i ^= i >> 4;
  i *= 0x27d4eb2d;
  return i ^ (i >> 15);
}

__global__ void compute(uint32_t* out) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  uint32_t a = word(2 * i), b = word(2 * i + 1), c = word(3 * i + 7);
  uint32_t* to = out + i * results;
  to[0] = __vadd4(a, b);
  to[1] = __vsub2(a, b);
  to[2] = __vabsdiffu4(a, b);
  to[3] = __vavgu4(a, b);
  to[4] = __vmaxs2(a, b);
  to[5] = __vminu4(a, b);
  to[6] = __vcmpgtu4(a, b);
  to[7] = __vaddss2(a, b);
  to[8] = __vsadu4(a, b);
  to[9] = __dp4a(static_cast<int>(a), static_cast<int>(b), static_cast<int>(c));
  asm("vadd.s32.s32.u32.sat %0, %1.h1, %2.b3;" : "=r"(to[10]) : "r"(a), "r"(b));
  asm("vmad.s32.s32.s32.sat.shr7 %0, %1.h0, %2.h1, %3;" : "=r"(to[11]) : "r"(a), "r"(b), "r"(c));
  asm("vavrg2.s32.s32.s32 %0, %1, %2, %3;" : "=r"(to[12]) : "r"(a), "r"(b), "r"(c));
  asm("vset4.u32.u32.lt.add %0, %1, %2, %3;" : "=r"(to[13]) : "r"(a), "r"(b), "r"(c));
}

template <class F>
uint32_t by_parts(uint32_t a, uint32_t b, int width, bool sign, F f) {
  uint32_t out = 0, ones = (uint32_t{1} << width) - 1;
  auto part = [&](uint32_t x, int at) {
    auto bits = static_cast<int32_t>(x >> at & ones);
    return sign && bits >> (width - 1) ? bits - static_cast<int32_t>(ones) - 1 : bits;
  };
  for (int at = 0; at < 32; at += width) out |= (static_cast<uint32_t>(f(part(a, at), part(b, at))) & ones) << at;
  return out;
}

int half(uint32_t x, int which) { return static_cast<int16_t>(x >> 16 * which); }

int main() {
  uint32_t* device;
  CHECK(cudaMalloc(&device, count * results * 4));
  compute<<<count / 128, 128>>>(device);
  static uint32_t got[count * results];
  CHECK(cudaMemcpy(got, device, sizeof got, cudaMemcpyDeviceToHost));
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t a = word(2 * i), b = word(2 * i + 1), c = word(3 * i + 7);
    const uint32_t* to = got + i * results;
    for (int k = 0; k < results; ++k) sum = sum * 31 + to[k];
    EXPECT(to[0] == by_parts(a, b, 8, false, [](int x, int y) { return x + y; }));
    EXPECT(to[1] == by_parts(a, b, 16, false, [](int x, int y) { return x - y; }));
    EXPECT(to[2] == by_parts(a, b, 8, false, [](int x, int y) { return x < y ? y - x : x - y; }));
    EXPECT(to[3] == by_parts(a, b, 8, false, [](int x, int y) { return (x + y + 1) / 2; }));
    EXPECT(to[4] == by_parts(a, b, 16, true, [](int x, int y) { return std::max(x, y); }));
    EXPECT(to[5] == by_parts(a, b, 8, false, [](int x, int y) { return std::min(x, y); }));
    EXPECT(to[6] == by_parts(a, b, 8, false, [](int x, int y) { return x > y ? 255 : 0; }));
    EXPECT(to[7] == by_parts(a, b, 16, true, [](int x, int y) { return std::clamp(x + y, -32768, 32767); }));
    int64_t total = 0, dot = static_cast<int32_t>(c), less = 0;
    for (int at = 0; at < 32; at += 8) {
      int x = a >> at & 255, y = b >> at & 255;
      total += std::abs(x - y);
      less += x < y;
      dot += int{static_cast<int8_t>(x)} * static_cast<int8_t>(y);
    }
    EXPECT(to[8] == total);
    EXPECT(to[9] == static_cast<uint32_t>(dot));
    EXPECT(to[10] == static_cast<uint32_t>(half(a, 1) + static_cast<int>(b >> 24)));
    int64_t fused = (int64_t{half(a, 0)} * half(b, 1) + static_cast<int32_t>(c)) >> 7;
    EXPECT(to[11] == static_cast<uint32_t>(std::clamp<int64_t>(fused, INT32_MIN, INT32_MAX)));
    EXPECT(to[12] == by_parts(a, b, 16, true, [](int x, int y) { return (x + y >= 0 ? x + y + 1 : x + y) >> 1; }));
    EXPECT(to[13] == c + static_cast<uint32_t>(less));
  }
  std::printf("%d words, checksum %08x\n", count * results, sum);
}
