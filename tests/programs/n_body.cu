// Gravity between bodies, tile by tile through shared memory, within rounding of the host's sum.
#include <cmath>
#include <vector>

#include "check.h"

constexpr int bodies = 640, tile = 128;
constexpr float softening = 0.01f;

__global__ void accelerate(const float4* body, float4* acceleration) {
  __shared__ float4 others[tile];
  float4 me = body[blockIdx.x * tile + threadIdx.x], sum = {};
  for (int first = 0; first < bodies; first += tile) {
    others[threadIdx.x] = body[first + threadIdx.x];
    __syncthreads();
#pragma unroll 8
    for (int i = 0; i < tile; ++i) {
      float dx = others[i].x - me.x, dy = others[i].y - me.y, dz = others[i].z - me.z;
      float inverse = rsqrtf(dx * dx + dy * dy + dz * dz + softening);
      float pull = others[i].w * inverse * inverse * inverse;
      sum.x += dx * pull, sum.y += dy * pull, sum.z += dz * pull;
    }
    __syncthreads();
  }
  acceleration[blockIdx.x * tile + threadIdx.x] = sum;
}

int main() {
  std::vector<float4> body(bodies), got(bodies);
  for (int i = 0; i < bodies; ++i)
    body[i] = {i * 7 % 31 / 31.0f, i * 11 % 53 / 53.0f, i * 13 % 97 / 97.0f, 1.0f + i % 5};
  float4 *b, *a;
  CHECK(cudaMalloc(&b, bodies * sizeof(float4)));
  CHECK(cudaMalloc(&a, bodies * sizeof(float4)));
  CHECK(cudaMemcpy(b, body.data(), bodies * sizeof(float4), cudaMemcpyHostToDevice));
  accelerate<<<bodies / tile, tile>>>(b, a);
  CHECK(cudaMemcpy(got.data(), a, bodies * sizeof(float4), cudaMemcpyDeviceToHost));
  double largest = 0, worst = 0;
  for (int i = 0; i < bodies; ++i) {
    double sum[3] = {};
    for (int j = 0; j < bodies; ++j) {
      double d[3] = {double(body[j].x) - body[i].x, double(body[j].y) - body[i].y, double(body[j].z) - body[i].z};
      double pull = body[j].w / std::pow(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + softening, 1.5);
      for (int k = 0; k < 3; ++k) sum[k] += d[k] * pull;
    }
    const float of_device[3] = {got[i].x, got[i].y, got[i].z};
    for (int k = 0; k < 3; ++k) {
      largest = std::fmax(largest, std::fabs(sum[k]));
      worst = std::fmax(worst, std::fabs(sum[k] - of_device[k]));
    }
  }
  EXPECT(worst < 1e-5 * largest);
  std::printf("n_body: %d bodies, the strongest pull is %.1f\n", bodies, largest);
}
