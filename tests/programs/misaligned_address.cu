// A read of eight bytes from an odd address of the program's own memory.
#include "check.h"

__global__ void read(const char* from, long long* to) { *to = *reinterpret_cast<const long long*>(from); }

int main() {
  char* x;
  long long* y;
  CHECK(cudaMalloc(&x, 64));
  CHECK(cudaMalloc(&y, sizeof *y));
  read<<<1, 1>>>(x + 8, y);
  CHECK(cudaDeviceSynchronize());
  read<<<1, 1>>>(x + 3, y);
  EXPECT(cudaDeviceSynchronize() == cudaErrorMisalignedAddress);
  EXPECT(cudaMemset(x, 0, 64) == cudaErrorMisalignedAddress);
  std::printf("misaligned_address: refused\n");
}
