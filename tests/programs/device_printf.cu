// printf from the device, in the order of one block's threads.
#include "check.h"

__global__ void speak(double x) {
  printf("thread %d of %d: %s %5.2f %lld %c %%\n", threadIdx.x, blockDim.x, "says", x * threadIdx.x, 1LL << (threadIdx.x + 33), 'a' + threadIdx.x);
}

int main() {
  speak<<<1, 3>>>(1.5);
  CHECK(cudaDeviceSynchronize());
}
