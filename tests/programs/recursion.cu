// Recursion whose depth only the data knows, frames with arrays in them, and a larger stack when it is asked for.
#include <vector>

#include "check.h"

__host__ __device__ __noinline__ unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

__host__ __device__ __noinline__ int search(const int* data, int low, int high, int depth) {
  int samples[8];
  if (high - low < 8) {
    int sum = depth;
    for (int i = low; i < high; ++i) sum += data[i];
    return sum;
  }
  for (int i = 0; i < 8; ++i)
    samples[(data[low] + i * 3) & 7] =
        search(data, low + (high - low) * i / 8, low + (high - low) * (i + 1) / 8, depth + 1);
  int sum = 0;
  for (int i = 0; i < 8; ++i) sum = sum * 3 + samples[i];
  return sum;
}

__global__ void both(const int* data, int n, unsigned* of_ackermann, int* of_search) {
  unsigned i = threadIdx.x;
  of_ackermann[i] = ackermann(i % 3, i % 7);
  of_search[i] = search(data, static_cast<int>(i), n, 0);
}

int main() {
  const int n = 500, threads = 70;
  std::vector<int> data(n), searched(threads);
  std::vector<unsigned> computed(threads);
  int *x, *s;
  unsigned* a;
  for (int i = 0; i < n; ++i) data[i] = i * 29 % 83;
  size_t stack = 0;
  CHECK(cudaDeviceSetLimit(cudaLimitStackSize, 16384));
  CHECK(cudaDeviceGetLimit(&stack, cudaLimitStackSize));
  EXPECT(stack >= 16384);
  CHECK(cudaMalloc(&x, n * sizeof(int)));
  CHECK(cudaMalloc(&s, threads * sizeof(int)));
  CHECK(cudaMalloc(&a, threads * sizeof(unsigned)));
  CHECK(cudaMemcpy(x, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  both<<<1, threads>>>(x, n, a, s);
  CHECK(cudaMemcpy(searched.data(), s, threads * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(computed.data(), a, threads * sizeof(unsigned), cudaMemcpyDeviceToHost));
  for (int i = 0; i < threads; ++i) {
    EXPECT(computed[i] == ackermann(i % 3, i % 7));
    EXPECT(searched[i] == search(data.data(), i, n, 0));
  }
  std::printf("recursion: %u, %d\n", computed[20], searched[0]);
}
