// A launch that cannot be fails with its code, and nothing else is lost.
#include "check.h"

__global__ void mark(int* data) { data[threadIdx.x] = 7; }

int main() {
  int *data, value = 0;
  CHECK(cudaMalloc(&data, 4096 * sizeof(int)));
  mark<<<1, 2048>>>(data);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
  mark<<<0, 32>>>(data);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
  mark<<<1, 32, 1 << 20>>>(data);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  EXPECT(cudaGetLastError() == cudaSuccess);
  EXPECT(cudaFree((void*)64) == cudaErrorInvalidValue);
  mark<<<1, 32>>>(data);
  CHECK(cudaMemcpy(&value, data + 31, sizeof value, cudaMemcpyDeviceToHost));
  EXPECT(value == 7);
  std::printf("bad_launch: refused and went on\n");
}
