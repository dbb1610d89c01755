// Constant memory and device variables by symbol.
#include "check.h"

__constant__ int factors[4] = {1, 2, 3, 4};
__device__ int total = 5;

__global__ void accumulate() { atomicAdd(&total, factors[threadIdx.x]); }

int main() {
  int value = 0, changed[4] = {10, 20, 30, 40};
  accumulate<<<1, 4>>>();
  CHECK(cudaMemcpyFromSymbol(&value, total, sizeof value));
  EXPECT(value == 15);
  CHECK(cudaMemcpyToSymbol(factors, changed, sizeof changed));
  accumulate<<<1, 4>>>();
  CHECK(cudaMemcpyFromSymbol(&value, total, sizeof value));
  EXPECT(value == 115);
  std::printf("constant_symbols: %d\n", value);
}
