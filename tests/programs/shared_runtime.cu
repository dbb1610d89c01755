// Linked with the shared CUDA runtime (nvcc -cudart shared), as most frameworks are.
#include <dlfcn.h>

#include <vector>

#include "check.h"

__global__ void square(int* data) { data[threadIdx.x] *= data[threadIdx.x]; }

int main() {
  EXPECT(dlsym(RTLD_DEFAULT, "cudaMalloc"));  // not the static runtime, whose names nobody sees
  std::vector<int> data(100);
  int *x, sum = 0, version = 0;
  for (int i = 0; i < 100; ++i) data[i] = i;
  CHECK(cudaRuntimeGetVersion(&version));
  EXPECT(version >= 12000);
  CHECK(cudaMalloc(&x, 400));
  CHECK(cudaMemcpy(x, data.data(), 400, cudaMemcpyHostToDevice));
  square<<<1, 100>>>(x);
  CHECK(cudaMemcpy(data.data(), x, 400, cudaMemcpyDeviceToHost));
  for (int i = 0; i < 100; ++i) {
    EXPECT(data[i] == i * i);
    sum += data[i];
  }
  std::printf("shared_runtime: %d\n", sum);
}
