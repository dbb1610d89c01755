// Single-precision functions within the errors that the CUDA C++ Programming Guide gives ("Mathematical Functions"),
// the fast ones within theirs.
#include <algorithm>
#include <cmath>
#include <vector>

#include "check.h"

constexpr int functions = 20;

__global__ void compute(const float* x, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = x[i], p = fabsf(v) + 0.01f;
  float* r = out + i * functions;
  r[0] = sinf(v), r[1] = cosf(v), r[2] = tanf(v), r[3] = expf(v), r[4] = logf(p);
  r[5] = powf(p, 1.7f), r[6] = sqrtf(p), r[7] = rsqrtf(p), r[8] = cbrtf(v), r[9] = atan2f(v, 0.7f);
  r[10] = erff(v), r[11] = tgammaf(p), r[12] = log1pf(p), r[13] = exp2f(v), r[14] = asinf(v / 11.0f);
  r[15] = sinhf(v), r[16] = fmodf(v, 0.37f), r[17] = __expf(v), r[18] = __fdividef(v, p), r[19] = normcdff(v);
}

double exact(int function, double v) {
  double p = std::fabs(static_cast<float>(v)) + 0.01f;
  p = static_cast<float>(p);
  switch (function) {
    case 0: return std::sin(v);
    case 1: return std::cos(v);
    case 2: return std::tan(v);
    case 3: return std::exp(v);
    case 4: return std::log(p);
    case 5: return std::pow(p, double{1.7f});
    case 6: return std::sqrt(p);
    case 7: return 1 / std::sqrt(p);
    case 8: return std::cbrt(v);
    case 9: return std::atan2(v, double{0.7f});
    case 10: return std::erf(v);
    case 11: return std::tgamma(p);
    case 12: return std::log1p(p);
    case 13: return std::exp2(v);
    case 14: return std::asin(double{static_cast<float>(v) / 11.0f});
    case 15: return std::sinh(v);
    case 16: return std::fmod(v, double{0.37f});
    case 17: return std::exp(v);
    case 18: return v / p;
    default: return 0.5 * std::erfc(-v / std::sqrt(2.0));
  }
}

int main() {
  // Largest errors in units of the last place.
  const double allowed[functions] = {2, 2, 4, 2, 2, 8, 0.5, 2, 1, 3, 2, 11, 1, 2, 4, 3, 0, 16, 2, 6};
  const int n = 4001;
  std::vector<float> x(n), got(n * functions);
  float *a, *out;
  for (int i = 0; i < n; ++i) x[i] = (i - n / 2) * 0.005f;
  CHECK(cudaMalloc(&a, n * sizeof(float)));
  CHECK(cudaMalloc(&out, n * functions * sizeof(float)));
  CHECK(cudaMemcpy(a, x.data(), n * sizeof(float), cudaMemcpyHostToDevice));
  compute<<<(n + 127) / 128, 128>>>(a, out, n);
  CHECK(cudaMemcpy(got.data(), out, n * functions * sizeof(float), cudaMemcpyDeviceToHost));
  for (int f = 0; f < functions; ++f) {
    double worst = 0;
    for (int i = 0; i < n; ++i) {
      double truth = exact(f, x[i]);
      float nearest = static_cast<float>(truth);
      double place = double{std::nextafterf(std::fabs(nearest), INFINITY)} - std::fabs(nearest);
      worst = std::max(worst, std::fabs(got[i * functions + f] - truth) / place);
    }
    if (worst > allowed[f] + 0.51) std::fprintf(stderr, "function %d is off by %.2f units\n", f, worst);
    EXPECT(worst <= allowed[f] + 0.51);
  }
  std::printf("math_single: %d functions\n", functions);
}
