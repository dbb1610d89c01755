// A context that a fault has lost is as good as new after a reset, even one whose kernel never ends; and a program may
// leave such a kernel behind.
#include "check.h"

__global__ void write(int* where, int value) { *where = value; }
__global__ void endless(volatile int* flag) {
  while (*flag == 0) {
  }
}
__global__ void busy(int* flag, int steps) {  // touches no memory on its way
  unsigned x = threadIdx.x;
  for (unsigned i = 1; i != 0; i += steps) x = x * 1664525u + 1013904223u;
  *flag = static_cast<int>(x);
}

static void works() {
  int *x, value = 0;
  CHECK(cudaMalloc(&x, sizeof(int)));
  write<<<1, 1>>>(x, 7);
  CHECK(cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost));
  EXPECT(value == 7);
}

int main() {
  works();
  write<<<1, 1>>>(reinterpret_cast<int*>(0x10), 1);
  EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  CHECK(cudaDeviceReset());
  works();

  int* zero;
  CHECK(cudaMalloc(&zero, sizeof(int)));
  CHECK(cudaMemset(zero, 0, sizeof(int)));
  endless<<<1, 32>>>(zero);
  cudaDeviceReset();  // what it answers differs; that it answers counts
  works();

  CHECK(cudaMalloc(&zero, sizeof(int)));
  busy<<<2, 64>>>(zero, 0);
  std::printf("context_recovers: done\n");
}
