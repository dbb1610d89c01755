// Shared memory sized at launch: several arrays in one, and more than 48 KiB, which a kernel must be allowed first
// (CUDA C++ Programming Guide, "Shared Memory" of compute capability 7.x).
#include <vector>

#include "check.h"

extern __shared__ unsigned char room[];

__global__ void reverse(int* data, float* halves, int n) {
  int* values = reinterpret_cast<int*>(room);
  float* more = reinterpret_cast<float*>(values + n);
  for (int i = threadIdx.x; i < n; i += blockDim.x) values[i] = data[i], more[i] = data[i] * 0.5f;
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) data[i] = values[n - 1 - i], halves[i] = more[n - 1 - i];
}

int main() {
  const int most = 8000;  // 62.5 KiB
  int *x, allowed = 0;
  float* h;
  CHECK(cudaMalloc(&x, most * sizeof(int)));
  CHECK(cudaMalloc(&h, most * sizeof(float)));
  CHECK(cudaDeviceGetAttribute(&allowed, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  EXPECT(allowed >= most * 8);
  reverse<<<1, 256, most * 8>>>(x, h, most);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, most * 8));
  EXPECT(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, allowed + 1) ==
         cudaErrorInvalidValue);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  for (int n : {1, 777, most}) {
    std::vector<int> data(n);
    std::vector<float> halves(n);
    for (int i = 0; i < n; ++i) data[i] = 3 * i + 1;
    CHECK(cudaMemcpy(x, data.data(), n * sizeof(int), cudaMemcpyHostToDevice));
    reverse<<<1, 256, n * 8>>>(x, h, n);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(data.data(), x, n * sizeof(int), cudaMemcpyDeviceToHost));
    CHECK(cudaMemcpy(halves.data(), h, n * sizeof(float), cudaMemcpyDeviceToHost));
    for (int i = 0; i < n; ++i) EXPECT(data[i] == 3 * (n - 1 - i) + 1 && halves[i] == data[i] * 0.5f);
  }
  std::printf("dynamic_shared_memory: up to %d bytes\n", most * 8);
}
