// Asynchronous copies to ordinary memory are done when they return, also behind a kernel that takes its time.
#include "check.h"

__global__ void slow(int* value) {
  long long start = clock64();
  while (clock64() - start < 30000000) {
  }
  *value += 1;
}

int main() {
  int *value, start = 5;
  cudaStream_t stream;
  CHECK(cudaMalloc(&value, sizeof *value));
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMemcpy(value, &start, sizeof start, cudaMemcpyHostToDevice));
  for (cudaStream_t one : {stream, cudaStream_t{nullptr}, cudaStreamPerThread}) {
    int copy = 0;
    slow<<<1, 1, 0, one>>>(value);
    CHECK(cudaMemcpyAsync(&copy, value, sizeof copy, cudaMemcpyDeviceToHost, one));
    EXPECT(copy == ++start);
    *const_cast<volatile int*>(&copy) = 0;
    slow<<<1, 1, 0, one>>>(value);
    CHECK(cudaMemcpy2DAsync(&copy, sizeof copy, value, sizeof copy, sizeof copy, 1, cudaMemcpyDeviceToHost, one));
    EXPECT(*const_cast<volatile int*>(&copy) == ++start);
  }
  CHECK(cudaFree(value));
  std::printf("pageable_async: %d\n", start);
}
