// A convolution as a product of the vendor's Fourier transforms.
#include <cufft.h>

#include <cmath>
#include <vector>

#include "check.h"

__global__ void multiply(cufftComplex* x, const cufftComplex* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = {(x[i].x * y[i].x - x[i].y * y[i].y) / n, (x[i].x * y[i].y + x[i].y * y[i].x) / n};
}

int main() {
  const int n = 256;
  std::vector<cufftComplex> a(n), b(n), c(n);
  for (int i = 0; i < n; ++i) a[i] = {float(i % 9), 0}, b[i] = {i < 4 ? 1.0f : 0.0f, 0};
  cufftComplex *da, *db;
  CHECK(cudaMalloc(&da, n * sizeof(cufftComplex)));
  CHECK(cudaMalloc(&db, n * sizeof(cufftComplex)));
  CHECK(cudaMemcpy(da, a.data(), n * sizeof(cufftComplex), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(db, b.data(), n * sizeof(cufftComplex), cudaMemcpyHostToDevice));
  cufftHandle plan;
  EXPECT(cufftPlan1d(&plan, n, CUFFT_C2C, 1) == CUFFT_SUCCESS);
  EXPECT(cufftExecC2C(plan, da, da, CUFFT_FORWARD) == CUFFT_SUCCESS);
  EXPECT(cufftExecC2C(plan, db, db, CUFFT_FORWARD) == CUFFT_SUCCESS);
  multiply<<<1, n>>>(da, db, n);
  EXPECT(cufftExecC2C(plan, da, da, CUFFT_INVERSE) == CUFFT_SUCCESS);
  CHECK(cudaMemcpy(c.data(), da, n * sizeof(cufftComplex), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    float sum = 0;
    for (int k = 0; k < 4; ++k) sum += a[(i - k + n) % n].x;
    EXPECT(std::fabs(c[i].x - sum) < 1e-3f);
  }
  EXPECT(cufftDestroy(plan) == CUFFT_SUCCESS);
  std::printf("cufft_product: %d points right\n", n);
}
