// Numbers of 8 bits, halves and bfloat16 on the device, against the same headers' conversions on the host.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"

constexpr unsigned count = 4096;

__host__ __device__ float number(unsigned i) {  // every size, both signs, ties
  float scale = exp2f(static_cast<float>(static_cast<int>(i % 37) - 18));
  return (static_cast<float>(static_cast<int>(i * 2654435761u >> 20) - 2048) / 512.0f) * scale;
}

struct Row {
  unsigned char e4m3, e5m2;
  unsigned short e4m3x2, half_of_e4m3, half_of_e5m2, bfloat, half;
  float sum, fused, maximum;
};

__host__ __device__ void convert(unsigned i, Row& row) {
  float x = number(i), y = number(i * 7 + 3);
  row.e4m3 = __nv_fp8_e4m3(x).__x;
  row.e5m2 = __nv_fp8_e5m2(x).__x;
  row.e4m3x2 = __nv_fp8x2_e4m3(float2{x, y}).__x;
  __half_raw a = __nv_cvt_fp8_to_halfraw(static_cast<__nv_fp8_storage_t>(i), __NV_E4M3);
  __half_raw b = __nv_cvt_fp8_to_halfraw(static_cast<__nv_fp8_storage_t>(i), __NV_E5M2);
  row.half_of_e4m3 = a.x;
  row.half_of_e5m2 = b.x;
  __nv_bfloat16_raw c = __float2bfloat16_rn(x);
  row.bfloat = c.x;
  __half_raw d = __float2half_rz(x);
  row.half = d.x;
  __half h = __float2half_rn(x), g = __float2half_rn(y);
  row.sum = __half2float(__hadd(h, g));
  row.fused = __bfloat162float(__hmul(__float2bfloat16_rn(x), __float2bfloat16_rn(y)));
  row.maximum = __half2float(__hmax(h, g));
}

__global__ void on_device(Row* rows) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  convert(i, rows[i]);
}

int main() {
  Row* device;
  CHECK(cudaMalloc(&device, count * sizeof(Row)));
  on_device<<<count / 256, 256>>>(device);
  std::vector<Row> got(count);
  CHECK(cudaMemcpy(got.data(), device, count * sizeof(Row), cudaMemcpyDeviceToHost));
  unsigned long long sum = 0;
  for (unsigned i = 0; i < count; ++i) {
    Row want{};
    convert(i, want);
    const Row& row = got[i];
    EXPECT(row.e4m3 == want.e4m3 && row.e5m2 == want.e5m2 && row.e4m3x2 == want.e4m3x2);
    EXPECT(row.half_of_e4m3 == want.half_of_e4m3 && row.half_of_e5m2 == want.half_of_e5m2);
    EXPECT(row.bfloat == want.bfloat && row.half == want.half);
    auto same = [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); };
    EXPECT(same(row.sum, want.sum) && same(row.fused, want.fused) && same(row.maximum, want.maximum));
    sum = sum * 31 + row.e4m3 + 256 * row.e5m2 + row.half;
  }
  std::printf("%u numbers, checksum %llx\n", count, sum);
}
