// An assertion that fails on the device: its own code, a sentence on stderr that says where, and no context after.
#include <cassert>
#include <cstring>
#include <unistd.h>

#include "check.h"

__global__ void all_below(const int* data, int limit) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  assert(data[i] < limit);
}

int main() {
  int data[128], *x, pipe_ends[2];
  for (int i = 0; i < 128; ++i) data[i] = i;
  CHECK(cudaMalloc(&x, sizeof data));
  CHECK(cudaMemcpy(x, data, sizeof data, cudaMemcpyHostToDevice));
  all_below<<<2, 64>>>(x, 128);
  CHECK(cudaDeviceSynchronize());
  // From here on stderr is a pipe.
  int before = dup(2);
  EXPECT(pipe(pipe_ends) == 0 && dup2(pipe_ends[1], 2) == 2);
  all_below<<<2, 64>>>(x, 127);
  cudaError_t result = cudaDeviceSynchronize();
  dup2(before, 2);
  close(pipe_ends[1]);
  char said[4096] = {};
  ssize_t size = 0, more;
  while ((more = read(pipe_ends[0], said + size, sizeof said - 1 - size)) > 0) size += more;
  EXPECT(result == cudaErrorAssert);
  EXPECT(std::strstr(said, "device_assert.cu:10:"));
  EXPECT(std::strstr(said, "all_below"));
  EXPECT(std::strstr(said, "block: [1,0,0], thread: [63,0,0] Assertion `data[i] < limit` failed."));
  EXPECT(cudaMemcpy(data, x, 4, cudaMemcpyDeviceToHost) == cudaErrorAssert);
  std::printf("device_assert: %s\n", cudaGetErrorName(result));
}
