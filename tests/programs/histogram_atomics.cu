// Counts in shared memory, then in global memory, all by atomics.
#include <vector>

#include "check.h"

__global__ void count(const unsigned char* data, unsigned* bins, int n) {
  __shared__ unsigned own[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x) own[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&own[data[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x) atomicAdd(&bins[i], own[i]);
}

int main() {
  const int n = 60000;
  std::vector<unsigned char> data(n);
  std::vector<unsigned> expected(256), got(256);
  for (int i = 0; i < n; ++i) ++expected[data[i] = (unsigned char)(i * i >> 3)];
  unsigned char* x;
  unsigned* bins;
  CHECK(cudaMalloc(&x, n));
  CHECK(cudaMalloc(&bins, 1024));
  CHECK(cudaMemset(bins, 0, 1024));
  CHECK(cudaMemcpy(x, data.data(), n, cudaMemcpyHostToDevice));
  count<<<7, 96>>>(x, bins, n);
  CHECK(cudaMemcpy(got.data(), bins, 1024, cudaMemcpyDeviceToHost));
  EXPECT(got == expected);
  std::printf("histogram_atomics: %u in bin 0\n", got[0]);
}
