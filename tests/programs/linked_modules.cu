// Two files compiled apart and linked on the device (nvcc -rdc=true): functions, variables, a function pointer and a
// kernel across the border, and a name that each file has for itself.
#include <vector>

#include "check.h"
#include "linked_modules.h"

__device__ int counter;
extern __device__ int table[4];
__device__ Transform chosen = thrice;
static __device__ int own = 1000;
static __device__ __noinline__ int adjust(int value) { return value + own; }

__global__ void first(int* data) {
  int i = threadIdx.x;
  data[i] = thrice(i) + table[i % 4] + adjust(0) + chosen(1);
  atomicAdd(&counter, 1);
}

int main() {
  const int n = 96;
  std::vector<int> got(n);
  int *x, counted = 0, changed[4] = {50, 60, 70, 80};
  CHECK(cudaMalloc(&x, n * sizeof(int)));
  first<<<1, n>>>(x);
  CHECK(cudaGetLastError());
  second<<<1, n>>>(x);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(got.data(), x, n * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpyFromSymbol(&counted, counter, sizeof counted));
  EXPECT(counted == n);
  for (int i = 0; i < n; ++i) EXPECT(got[i] == 3 * i + 5 + i % 4 + 1000 + 3 + n * 7 + 20000);
  CHECK(cudaMemcpyToSymbol(table, changed, sizeof changed));
  first<<<1, n>>>(x);
  CHECK(cudaMemcpy(got.data(), x, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) EXPECT(got[i] == 3 * i + 50 + 10 * (i % 4) + 1003);
  std::printf("linked_modules: %d\n", got[n - 1]);
}
