// Sums of blocks in shared memory: as they should be, without the barrier in the loop, and one element too far.
// report: Race in shared memory: a read after a write
// report: at racing_sum(float const*, float*), reductions.cu:26
// report: by thread [0,0,0] of block [0,0,0]
// report: read of 4 bytes at offset 64; the write before it: reductions.cu:26, thread [16,0,0]; nothing orders the two
// report: 31 times so far
// report: Race in shared memory: a write after a read
// report: at racing_sum(float const*, float*), reductions.cu:26
// report: by thread [32,0,0] of block [0,0,0]
// report: write of 4 bytes at offset 128; the read before it: reductions.cu:26, thread [0,0,0]; nothing orders the two
// report: 32 times so far
// report: Invalid read of 4 bytes of global memory
// report: at shifted_sum(float const*, float*), reductions.cu:49
// report: by thread [127,0,0] of block [0,0,0]
// report: address 0x: 0 bytes behind the allocation of 512 bytes at 0x
// errors: 3
#include <cstdio>
#include <vector>

constexpr int threads = 128, blocks = 1;

template <bool barrier>
__device__ void sum_of(float* part) {
#pragma unroll 1
  for (int half = threads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
    if (barrier) __syncthreads();
  }
}

__global__ void sum(const float* values, float* sums) {
  __shared__ float part[threads];
  part[threadIdx.x] = values[blockIdx.x * threads + threadIdx.x];
  __syncthreads();
  sum_of<true>(part);
  if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}

__global__ void racing_sum(const float* values, float* sums) {
  __shared__ float part[threads];
  part[threadIdx.x] = values[blockIdx.x * threads + threadIdx.x];
  __syncthreads();
  sum_of<false>(part);
  if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}

__global__ void shifted_sum(const float* values, float* sums) {
  __shared__ float part[threads];
  part[threadIdx.x] = values[blockIdx.x * threads + threadIdx.x + 1];
  __syncthreads();
  sum_of<true>(part);
  if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}

int main() {
  std::vector<float> host(threads * blocks, 1);
  float *values, *sums, result[blocks];
  cudaMalloc(&values, host.size() * sizeof(float));
  cudaMalloc(&sums, sizeof result);
  cudaMemcpy(values, host.data(), host.size() * sizeof(float), cudaMemcpyHostToDevice);
  for (auto kernel : {sum, racing_sum, shifted_sum}) {
    kernel<<<blocks, threads>>>(values, sums);
    cudaMemcpy(result, sums, sizeof result, cudaMemcpyDeviceToHost);
  }
  cudaFree(values);
  cudaFree(sums);
  std::printf("done: %g\n", result[blocks - 1]);
}
