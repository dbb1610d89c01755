// Numbers of 16 bits: single and in pairs, arithmetic, comparison, conversion, atomics, and bfloat16.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <vector>

#include "check.h"

__global__ void fused(const __half* x, const __half* y, __half* z, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) z[i] = __hfma(x[i], y[i], __float2half(0.5f));
}
__global__ void pairs(const __half2* x, const __half2* y, __half2* z, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half2 sum = __hadd2(x[i], y[i]), larger = __hmax2(x[i], y[i]);
  if (__hlt(__low2half(sum), __high2half(sum))) sum = __lowhigh2highlow(sum);
  z[i] = __h2div(__hmul2(sum, __float2half2_rn(2.0f)), __hadd2(larger, __float2half2_rn(4.0f)));
}
__global__ void functions(const __half* x, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half value = __habs(x[i]);
  float root = __half2float(hsqrt(value)), power = __half2float(hexp(__hneg(value)));
  int whole = __half2int_rd(x[i]);
  out[i] = root + power + static_cast<float>(whole) + (__hisnan(x[i]) ? 1000 : 0);
}
__global__ void brain(const float* x, __nv_bfloat16* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = __hmul(__float2bfloat16(x[i]), __float2bfloat16(1.5f));
}
__global__ void gather(__half* sum, __half2* pair) {
  atomicAdd(sum, __float2half(0.25f));
  atomicAdd(pair, __floats2half2_rn(1.0f, 0.5f));
}

// `exact`, and what rounding to 11 bits may make of it.
bool near(float got, float exact, float parts = 1024) {
  return std::fabs(got - exact) <= std::fabs(exact) / parts + 1e-4f;
}

int main() {
  const int n = 2000;
  std::vector<__half> x(n), y(n), z(n);
  std::vector<float> reals(n), out(n);
  std::vector<__nv_bfloat16> brained(n);
  for (int i = 0; i < n; ++i)
    x[i] = __float2half(reals[i] = i % 64 * 0.125f - 3), y[i] = __float2half(i % 11 * 0.5f - 1);
  __half *a, *b, *c;
  float *r, *o;
  __nv_bfloat16* w;
  const size_t bytes = n * sizeof(__half);
  CHECK(cudaMalloc(&a, bytes));
  CHECK(cudaMalloc(&b, bytes));
  CHECK(cudaMalloc(&c, bytes));
  CHECK(cudaMalloc(&w, bytes));
  CHECK(cudaMalloc(&r, 2 * bytes));
  CHECK(cudaMalloc(&o, 2 * bytes));
  CHECK(cudaMemcpy(a, x.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(b, y.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(r, reals.data(), 2 * bytes, cudaMemcpyHostToDevice));
  fused<<<(n + 127) / 128, 128>>>(a, b, c, n);
  CHECK(cudaMemcpy(z.data(), c, bytes, cudaMemcpyDeviceToHost));
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    float exact = std::fma(__half2float(x[i]), __half2float(y[i]), 0.5f);
    EXPECT(__half2float(z[i]) == __half2float(__float2half(exact)));
    sum += __half2float(z[i]);
  }
  pairs<<<(n / 2 + 127) / 128, 128>>>(reinterpret_cast<__half2*>(a), reinterpret_cast<__half2*>(b),
                                      reinterpret_cast<__half2*>(c), n / 2);
  CHECK(cudaMemcpy(z.data(), c, bytes, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; i += 2) {
    float s[2], m[2];
    for (int k = 0; k < 2; ++k) {
      s[k] = __half2float(x[i + k]) + __half2float(y[i + k]);
      m[k] = std::fmax(__half2float(x[i + k]), __half2float(y[i + k])) + 4;
    }
    bool swapped = s[0] < s[1];
    for (int k = 0; k < 2; ++k) EXPECT(near(__half2float(z[i + k]), 2 * s[swapped ? 1 - k : k] / m[k], 500));
  }
  functions<<<(n + 127) / 128, 128>>>(a, o, n);
  CHECK(cudaMemcpy(out.data(), o, 2 * bytes, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    float value = __half2float(x[i]), size = std::fabs(value);
    EXPECT(near(out[i] - std::floor(value), std::sqrt(size) + std::exp(-size), 400));
  }
  brain<<<(n + 127) / 128, 128>>>(r, w, n);
  CHECK(cudaMemcpy(brained.data(), w, bytes, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i)
    EXPECT(__bfloat162float(brained[i]) == __bfloat162float(__float2bfloat16(reals[i] * 1.5f)));
  __half zeros[4] = {}, sums[4];
  CHECK(cudaMemcpy(c, zeros, sizeof zeros, cudaMemcpyHostToDevice));
  gather<<<4, 64>>>(c, reinterpret_cast<__half2*>(c + 2));
  CHECK(cudaMemcpy(sums, c, sizeof sums, cudaMemcpyDeviceToHost));
  EXPECT(__half2float(sums[0]) == 64 && __half2float(sums[2]) == 256 && __half2float(sums[3]) == 128);
  std::printf("half_precision: %.3f\n", sum);
}
