// Managed memory: host and device write the same addresses.
#include "check.h"

__global__ void increment(int* data, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] += i;
}

int main() {
  const int n = 1000;
  int* data;
  CHECK(cudaMallocManaged(&data, n * sizeof(int)));
  for (int i = 0; i < n; ++i) data[i] = 7 * i;
  increment<<<4, 256>>>(data, n);
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < n; ++i) EXPECT(data[i] == 8 * i);
  std::printf("managed_memory: %d values\n", n);
}
