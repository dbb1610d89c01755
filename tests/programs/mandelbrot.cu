// Lanes that leave a loop at different times; every count must be the host's.
#include <vector>

#include "check.h"

__host__ __device__ int steps(int x, int y, int size) {
  // Fixed point, so that host and device cannot round differently.
  long long cr = (3LL * x * 4096) / size - 2 * 4096, ci = (2LL * y * 4096) / size - 4096, r = 0, i = 0;
  int count = 0;
  for (; count < 200 && r * r + i * i < 4LL * 4096 * 4096; ++count) {
    long long next = ((r * r - i * i) >> 12) + cr;
    i = ((2 * r * i) >> 12) + ci;
    r = next;
  }
  return count;
}

__global__ void draw(int* out, int size) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < size && y < size) out[y * size + x] = steps(x, y, size);
}

int main() {
  const int size = 100;
  std::vector<int> got(size * size);
  int* out;
  CHECK(cudaMalloc(&out, sizeof(int) * size * size));
  draw<<<dim3(7, 7), dim3(16, 16)>>>(out, size);
  CHECK(cudaMemcpy(got.data(), out, sizeof(int) * size * size, cudaMemcpyDeviceToHost));
  long sum = 0;
  for (int i = 0; i < size * size; ++i) {
    EXPECT(got[i] == steps(i % size, i / size, size));
    sum += got[i];
  }
  std::printf("mandelbrot: %ld steps\n", sum);
}
