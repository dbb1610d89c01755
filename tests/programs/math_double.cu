// Double precision and the math library on the device against the host's.
#include <cmath>
#include <vector>

#include "check.h"

__global__ void compute(double* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = exp(-0.01 * i) * sin(0.1 * i) + sqrt(double(i)) / (1 + log1p(double(i))) + pow(1.001, double(i));
}

int main() {
  const int n = 1000;
  std::vector<double> got(n);
  double* out;
  CHECK(cudaMalloc(&out, n * sizeof(double)));
  compute<<<(n + 63) / 64, 64>>>(out, n);
  CHECK(cudaMemcpy(got.data(), out, n * sizeof(double), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    double expected = exp(-0.01 * i) * sin(0.1 * i) + sqrt(double(i)) / (1 + log1p(double(i))) + pow(1.001, double(i));
    EXPECT(fabs(got[i] - expected) <= 1e-13 * fabs(expected) + 1e-14);
  }
  std::printf("math_double: %d values within 1e-13\n", n);
}
