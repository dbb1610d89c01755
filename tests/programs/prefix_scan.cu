// An inclusive prefix sum: a scan in each block, a scan of the block sums, and their addition.
#include <vector>

#include "check.h"

constexpr int width = 256;

__global__ void scan_blocks(int* data, int* sums, int n) {
  __shared__ int values[2][width];
  int i = blockIdx.x * width + threadIdx.x, from = 0;
  values[0][threadIdx.x] = i < n ? data[i] : 0;
  __syncthreads();
  for (int distance = 1; distance < width; distance *= 2, from ^= 1) {
    int value = values[from][threadIdx.x];
    if (threadIdx.x >= distance) value += values[from][threadIdx.x - distance];
    values[from ^ 1][threadIdx.x] = value;
    __syncthreads();
  }
  if (i < n) data[i] = values[from][threadIdx.x];
  if (sums && threadIdx.x == width - 1) sums[blockIdx.x] = values[from][threadIdx.x];
}

__global__ void add_before(int* data, const int* sums, int n) {
  int i = blockIdx.x * width + threadIdx.x;
  if (blockIdx.x > 0 && i < n) data[i] += sums[blockIdx.x - 1];
}

int main() {
  const int n = 40321, blocks = (n + width - 1) / width;
  std::vector<int> data(n), got(n);
  int *x, *sums, total = 0;
  for (int i = 0; i < n; ++i) data[i] = i * 37 % 113 - 50;
  CHECK(cudaMalloc(&x, n * sizeof(int)));
  CHECK(cudaMalloc(&sums, blocks * sizeof(int)));
  CHECK(cudaMemcpy(x, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  scan_blocks<<<blocks, width>>>(x, sums, n);
  scan_blocks<<<1, width>>>(sums, nullptr, blocks);
  add_before<<<blocks, width>>>(x, sums, n);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(got.data(), x, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) EXPECT(got[i] == (total += data[i]));
  std::printf("prefix_scan: %d values, total %d\n", n, total);
}
