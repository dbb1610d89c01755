// Atomics of 64 bits: sums, extremes, bits, exchanges, and what programs build from compare-and-swap.
#include "check.h"

using Word = unsigned long long;
struct Results {
  Word sum, smallest, largest, any, all, parity, exchanged, multiplied;
  long long signed_smallest, signed_largest;
  double real, real_largest;
};

__device__ double atomic_max(double* address, double value) {
  auto* word = reinterpret_cast<Word*>(address);
  Word seen = *word;
  while (value > __longlong_as_double(seen)) {
    Word expected = seen;
    seen = atomicCAS(word, expected, __double_as_longlong(value));
    if (seen == expected) break;
  }
  return __longlong_as_double(seen);
}

__global__ void gather(Results* r, Word* exchanged_out) {
  Word i = blockIdx.x * blockDim.x + threadIdx.x, value = i * 0x100000001ull + 5;
  atomicAdd(&r->sum, value);
  atomicMin(&r->smallest, value);
  atomicMax(&r->largest, value);
  atomicOr(&r->any, 1ull << (i % 40));
  atomicAnd(&r->all, ~(1ull << (20 + i % 40)));
  atomicXor(&r->parity, value);
  atomicMin(&r->signed_smallest, static_cast<long long>(i) - 1000);
  atomicMax(&r->signed_largest, -static_cast<long long>(i) - 7);
  atomicAdd(&r->real, 0.25 * i);
  atomic_max(&r->real_largest, i % 777 + 0.5);
  exchanged_out[i] = atomicExch(&r->exchanged, i + 1);
  for (Word seen = r->multiplied, expected;; ) {
    seen = atomicCAS(&r->multiplied, expected = seen, seen * 3);
    if (seen == expected) break;
  }
}

int main() {
  const Word n = 2048;
  Results start = {}, got, *r;
  start.smallest = start.all = ~0ull, start.signed_largest = -1ll << 62, start.multiplied = 1;
  Word sum = 0, parity = 0, power = 1, all = ~0ull, chain = 0, exchanged[n], *out;
  double real = 0;
  CHECK(cudaMalloc(&r, sizeof got));
  CHECK(cudaMalloc(&out, sizeof exchanged));
  CHECK(cudaMemcpy(r, &start, sizeof start, cudaMemcpyHostToDevice));
  gather<<<n / 128, 128>>>(r, out);
  CHECK(cudaMemcpy(&got, r, sizeof got, cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(exchanged, out, sizeof exchanged, cudaMemcpyDeviceToHost));
  for (Word i = 0; i < n; ++i) {
    Word value = i * 0x100000001ull + 5;
    sum += value, parity ^= value, power *= 3, real += 0.25 * i, all &= ~(1ull << (20 + i % 40)), chain += exchanged[i];
  }
  EXPECT(got.sum == sum && got.smallest == 5 && got.largest == (n - 1) * 0x100000001ull + 5);
  EXPECT(got.any == (1ull << 40) - 1 && got.all == all && got.parity == parity && got.multiplied == power);
  EXPECT(got.signed_smallest == -1000 && got.signed_largest == -7);
  EXPECT(got.real == real && got.real_largest == 776.5);
  EXPECT(chain + got.exchanged == n * (n + 1) / 2);  // every value came out once, or stayed
  std::printf("atomics_64: %llu, %.2f\n", got.sum, got.real);
}
