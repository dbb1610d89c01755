// atomicAdd of float2, float4, half2 and bfloat162: many threads on few cells; every sum is exact.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "check.h"

constexpr int cells = 8, blocks = 16, threads = 128, each = blocks * threads / cells;

struct Sums {
  float2 two[cells];
  float4 four[cells];
  __half2 halves[cells];
  __nv_bfloat162 bfloats[cells];
  __half half[cells];
};

__global__ void add(Sums* sums) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, cell = i % cells;
  atomicAdd(&sums->two[cell], float2{1, 2});
  atomicAdd(&sums->four[cell], float4{1, 2, 3, 4});
  atomicAdd(&sums->halves[cell], __floats2half2_rn(1, 2));
  atomicAdd(&sums->bfloats[cell], __floats2bfloat162_rn(1, 0.5f));
  atomicAdd(&sums->half[cell], __float2half(0.25f));
}

int main() {
  Sums* device;
  CHECK(cudaMalloc(&device, sizeof(Sums)));
  CHECK(cudaMemset(device, 0, sizeof(Sums)));
  add<<<blocks, threads>>>(device);
  static Sums got;
  CHECK(cudaMemcpy(&got, device, sizeof got, cudaMemcpyDeviceToHost));
  for (int i = 0; i < cells; ++i) {
    EXPECT(got.two[i].x == each && got.two[i].y == 2 * each);
    EXPECT(got.four[i].x == each && got.four[i].y == 2 * each && got.four[i].z == 3 * each && got.four[i].w == 4 * each);
    EXPECT(__low2float(got.halves[i]) == each && __high2float(got.halves[i]) == 2 * each);
    EXPECT(__low2float(got.bfloats[i]) == each && __high2float(got.bfloats[i]) == each / 2);
    EXPECT(__half2float(got.half[i]) == each / 4);
  }
  std::printf("%d additions to each of %d cells\n", each, cells);
}
