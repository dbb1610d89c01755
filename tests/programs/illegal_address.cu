// A write to memory that is nobody's: the launch fails with its own code, which then stays.
#include "check.h"

__global__ void write(int* where) { *where = 1; }

int main() {
  int *x, value = 0;
  CHECK(cudaMalloc(&x, sizeof(int)));
  write<<<1, 1>>>(x);
  CHECK(cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost));
  EXPECT(value == 1);
  write<<<1, 1>>>(reinterpret_cast<int*>(0x10));
  EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  // The context is lost (CUDA Runtime API, cudaErrorIllegalAddress): every later call says so, as last error too.
  EXPECT(cudaGetLastError() == cudaErrorIllegalAddress);
  EXPECT(cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost) == cudaErrorIllegalAddress);
  EXPECT(cudaMalloc(&x, 4) == cudaErrorIllegalAddress);
  std::printf("illegal_address: stays\n");
}
