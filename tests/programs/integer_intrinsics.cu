// Bits and bytes of integers, against the same in plain C++.
#include <cstdint>
#include <vector>

#include "check.h"

constexpr int results = 20;

__global__ void compute(const uint32_t* a, const uint32_t* b, uint64_t* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  uint32_t x = a[i], y = b[i];
  int32_t sx = static_cast<int32_t>(x), sy = static_cast<int32_t>(y);
  uint64_t wide = uint64_t{x} << 32 | y;
  uint64_t* r = out + i * results;
  r[0] = __popc(x) + __popcll(wide) * 100;
  r[1] = __clz(sx) + __clzll(static_cast<long long>(wide)) * 100;
  r[2] = __ffs(sx) + __ffsll(static_cast<long long>(wide)) * 100;
  r[3] = __brev(x);
  r[4] = __brevll(wide);
  r[5] = __byte_perm(x, y, 0x5140);
  r[6] = __funnelshift_l(x, y, y & 31);
  r[7] = __funnelshift_r(x, y, x & 31);
  r[8] = __umulhi(x, y);
  r[9] = static_cast<uint64_t>(__mulhi(sx, sy));
  r[10] = __umul64hi(wide, wide ^ 0x123456789abcdefull);
  r[11] = static_cast<uint64_t>(__dp4a(sx, sy, 5));
  r[12] = __dp4a(x, y, 5u);
  r[13] = __usad(x, y, 9u) + uint64_t{__sad(sx, sy, 9u)} * 3;
  r[14] = static_cast<uint32_t>(__hadd(sx, sy)) + uint64_t{__urhadd(x, y)};
  r[15] = static_cast<uint32_t>(__mul24(sx, sy));
  r[16] = wide / (y | 1) + wide % (x | 1);
  r[17] = static_cast<uint64_t>(static_cast<int64_t>(wide) / (sy | 1)) + static_cast<uint64_t>(sx % (sy | 1));
  r[18] = __vadd4(x, y) + uint64_t{__vmaxu2(x, y)};
  r[19] = static_cast<uint64_t>(static_cast<int8_t>(x)) + static_cast<uint16_t>(y) + (sx >> 7) + (x >> 3);
}

uint64_t lanes(uint32_t x, uint32_t y) {
  uint32_t sum = 0, most = 0;
  for (int k = 0; k < 32; k += 8) sum |= ((x >> k) + (y >> k) & 255) << k;
  for (int k = 0; k < 32; k += 16) most |= ((x >> k & 65535) > (y >> k & 65535) ? x >> k & 65535 : y >> k & 65535) << k;
  return sum + uint64_t{most};
}

void expect(uint32_t x, uint32_t y, const uint64_t* r) {
  int32_t sx = static_cast<int32_t>(x), sy = static_cast<int32_t>(y);
  uint64_t wide = uint64_t{x} << 32 | y, reversed = 0;
  for (int k = 0; k < 64; ++k) reversed |= (wide >> k & 1) << (63 - k);
  uint32_t x_reversed = 0;
  for (int k = 0; k < 32; ++k) x_reversed |= (x >> k & 1) << (31 - k);
  auto leading = [](uint64_t v, int width) { return v ? __builtin_clzll(v) - (64 - width) : width; };
  EXPECT(r[0] == uint64_t(__builtin_popcount(x) + __builtin_popcountll(wide) * 100));
  EXPECT(r[1] == uint64_t(leading(x, 32) + leading(wide, 64) * 100));
  EXPECT(r[2] == uint64_t(__builtin_ffs(sx) + __builtin_ffsll(static_cast<long long>(wide)) * 100));
  EXPECT(r[3] == x_reversed && r[4] == reversed);
  EXPECT(r[5] == ((x & 255) | (y & 255) << 8 | (x & 0xff00) << 8 | (y & 0xff00) << 16));
  uint64_t yx = uint64_t{y} << 32 | x;
  EXPECT(r[6] == static_cast<uint32_t>(yx << (y & 31) >> 32) && r[7] == static_cast<uint32_t>(yx >> (x & 31)));
  EXPECT(r[8] == uint64_t{x} * y >> 32 && r[9] == uint64_t(int64_t{sx} * sy >> 32));
  EXPECT(r[10] == uint64_t(static_cast<unsigned __int128>(wide) * (wide ^ 0x123456789abcdefull) >> 64));
  int dot = 5;
  uint32_t udot = 5;
  for (int k = 0; k < 32; k += 8) {
    dot += static_cast<int8_t>(x >> k) * static_cast<int8_t>(y >> k);
    udot += (x >> k & 255) * (y >> k & 255);
  }
  EXPECT(r[11] == uint64_t(int64_t{dot}) && r[12] == udot);
  uint32_t apart = 9 + (x > y ? x - y : y - x), signed_apart = 9 + (sx > sy ? x - y : y - x);
  EXPECT(r[13] == apart + uint64_t{signed_apart} * 3);
  EXPECT(r[14] == static_cast<uint32_t>((int64_t{sx} + sy) >> 1) + ((uint64_t{x} + y + 1) >> 1));
  EXPECT(r[15] == static_cast<uint32_t>(
                      uint64_t(int64_t{static_cast<int32_t>(x << 8) >> 8} * (static_cast<int32_t>(y << 8) >> 8))));
  EXPECT(r[16] == wide / (y | 1) + wide % (x | 1));
  EXPECT(r[17] == uint64_t(static_cast<int64_t>(wide) / (sy | 1)) + uint64_t(int64_t{sx % (sy | 1)}));
  EXPECT(r[18] == lanes(x, y));
  EXPECT(r[19] ==
         uint64_t(int64_t{static_cast<int8_t>(x)}) + static_cast<uint16_t>(y) + uint64_t(int64_t{sx >> 7}) + (x >> 3));
}

int main() {
  const int n = 512;
  std::vector<uint32_t> a(n), b(n);
  std::vector<uint64_t> got(n * results);
  uint32_t *x, *y, state = 1;
  uint64_t *out, sum = 0;
  auto next = [&] { return state = state * 1664525u + 1013904223u; };
  for (int i = 0; i < n; ++i) a[i] = next() >> (i % 29), b[i] = next() >> (i % 23);
  a[0] = b[0] = 0, a[1] = b[1] = ~0u, a[2] = 0x80000000, b[2] = 1;
  CHECK(cudaMalloc(&x, n * 4));
  CHECK(cudaMalloc(&y, n * 4));
  CHECK(cudaMalloc(&out, n * results * 8));
  CHECK(cudaMemcpy(x, a.data(), n * 4, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(y, b.data(), n * 4, cudaMemcpyHostToDevice));
  compute<<<n / 64, 64>>>(x, y, out);
  CHECK(cudaMemcpy(got.data(), out, n * results * 8, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) expect(a[i], b[i], &got[i * results]);
  for (uint64_t value : got) sum += value;
  std::printf("integer_intrinsics: %llx\n", static_cast<unsigned long long>(sum));
}
