// C = A B through shared memory tiles, with edges that fill no tile.
#include <vector>

#include "check.h"

constexpr int tile = 16;

__global__ void product(const float* a, const float* b, float* c, int n) {
  __shared__ float left[tile][tile], right[tile][tile];
  int row = blockIdx.y * tile + threadIdx.y, column = blockIdx.x * tile + threadIdx.x;
  float sum = 0;
  for (int start = 0; start < n; start += tile) {
    int k = start + threadIdx.x, l = start + threadIdx.y;
    left[threadIdx.y][threadIdx.x] = row < n && k < n ? a[row * n + k] : 0;
    right[threadIdx.y][threadIdx.x] = column < n && l < n ? b[l * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < tile; ++i) sum += left[threadIdx.y][i] * right[i][threadIdx.x];
    __syncthreads();
  }
  if (row < n && column < n) c[row * n + column] = sum;
}

int main() {
  const int n = 75;
  std::vector<float> a(n * n), b(n * n), c(n * n);
  for (int i = 0; i < n * n; ++i) a[i] = float(i % 7 - 3), b[i] = float(i % 5 - 2);
  float *x, *y, *z;
  size_t bytes = n * n * sizeof(float);
  CHECK(cudaMalloc(&x, bytes));
  CHECK(cudaMalloc(&y, bytes));
  CHECK(cudaMalloc(&z, bytes));
  CHECK(cudaMemcpy(x, a.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(y, b.data(), bytes, cudaMemcpyHostToDevice));
  dim3 blocks((n + tile - 1) / tile, (n + tile - 1) / tile), threads(tile, tile);
  product<<<blocks, threads>>>(x, y, z, n);
  CHECK(cudaMemcpy(c.data(), z, bytes, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;  // small integers: exact in any order
      for (int k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
      EXPECT(c[i * n + j] == sum);
    }
  std::printf("tiled_matrix_product: %d x %d right\n", n, n);
}
