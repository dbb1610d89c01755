// Blocks in which one warp stays long after the other, polling; then the next block begins with a barrier.
#include "check.h"

__global__ void linger(volatile int* flag, int* sums) {
  __shared__ int part[64];
  part[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  int sum = part[threadIdx.x] + part[threadIdx.x + 32];
  for (int i = 0; i < 200; ++i) sum += *flag;
  atomicAdd(&sums[blockIdx.x], sum);
}

int main() {
  constexpr int blocks = 40;
  int *flag, *sums;
  CHECK(cudaMalloc(&flag, sizeof *flag));
  CHECK(cudaMemset(flag, 0, sizeof *flag));
  CHECK(cudaMallocManaged(&sums, blocks * sizeof *sums));
  CHECK(cudaMemset(sums, 0, blocks * sizeof *sums));
  linger<<<blocks, 64>>>(flag, sums);
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < blocks; ++i) EXPECT(sums[i] == 63 * 32);
  std::printf("late_warps: %d blocks right\n", blocks);
}
