// cudaDeviceReset destroys everything on the device; what the program does next begins anew: kernels launch, variables
// hold their first values, memory and streams can be made (CUDA Runtime API, "Device Management").
#include <cuda_runtime.h>

#include "check.h"

__device__ int counter = 7;
__constant__ int step = 3;

__global__ void advance(int* result) { *result = counter += step; }

// What a fresh program sees: the variables as they were written down.
void from_the_beginning() {
  int* result;
  int found = 0;
  cudaStream_t stream;
  cudaEvent_t event;
  CHECK(cudaMalloc(&result, sizeof *result));
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaEventCreate(&event));
  for (int expected : {10, 13}) {
    advance<<<1, 1, 0, stream>>>(result);
    CHECK(cudaGetLastError());
    CHECK(cudaEventRecord(event, stream));
    CHECK(cudaEventSynchronize(event));
    CHECK(cudaMemcpy(&found, result, sizeof found, cudaMemcpyDeviceToHost));
    EXPECT(found == expected);
  }
  CHECK(cudaMemcpyFromSymbol(&found, counter, sizeof found));
  EXPECT(found == 13);
  int changed = 1000;
  CHECK(cudaMemcpyToSymbol(step, &changed, sizeof changed));
  advance<<<1, 1>>>(result);
  CHECK(cudaMemcpy(&found, result, sizeof found, cudaMemcpyDeviceToHost));
  EXPECT(found == 1013);
}

int main() {
  from_the_beginning();
  for (int round = 0; round < 3; ++round) {
    CHECK(cudaDeviceReset());
    from_the_beginning();
  }
  std::printf("device_reset: four beginnings alike\n");
}
