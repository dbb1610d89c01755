// A sum by shuffles within warps and shared memory between them.
#include <vector>

#include "check.h"

__global__ void sum(const int* data, int* result, int n) {
  __shared__ int of_warp[32];
  int value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) value += data[i];
  for (int distance = 16; distance; distance /= 2) value += __shfl_down_sync(~0u, value, distance);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  value = threadIdx.x < blockDim.x / 32 ? of_warp[threadIdx.x] : 0;
  for (int mask = 16; mask; mask /= 2) value += __shfl_xor_sync(~0u, value, mask);
  if (threadIdx.x == 0) atomicAdd(result, value);
}

int main() {
  const int n = 50000;
  std::vector<int> data(n);
  int expected = 0, got = 0, *x, *r;
  for (int i = 0; i < n; ++i) expected += data[i] = i % 101 - 40;
  CHECK(cudaMalloc(&x, n * sizeof(int)));
  CHECK(cudaMalloc(&r, sizeof(int)));
  CHECK(cudaMemset(r, 0, sizeof(int)));
  CHECK(cudaMemcpy(x, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  sum<<<20, 256>>>(x, r, n);
  CHECK(cudaMemcpy(&got, r, sizeof(int), cudaMemcpyDeviceToHost));
  EXPECT(got == expected);
  std::printf("reduction_shuffle: %d\n", got);
}
