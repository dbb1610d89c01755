// A program that was built for the newest generation alone is told that the device is one.
#include "check.h"

__global__ void square(int* values) { values[threadIdx.x] *= values[threadIdx.x]; }

int main() {
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  EXPECT(properties.major * 10 + properties.minor >= 120);
  int* values;
  CHECK(cudaMallocManaged(&values, 32 * sizeof(int)));
  for (int i = 0; i < 32; ++i) values[i] = i;
  square<<<1, 32>>>(values);
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < 32; ++i) EXPECT(values[i] == i * i);
  cudaFuncAttributes attributes;
  CHECK(cudaFuncGetAttributes(&attributes, square));
  EXPECT(attributes.ptxVersion == 120);
  CHECK(cudaFree(values));
  std::printf("newest_generation: %d.%d\n", properties.major, properties.minor);
}
