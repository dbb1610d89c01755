// The vendor's matrix product on a device that claims a generation the library has no machine code for.
#include <cublas_v2.h>

#include <vector>

#include "check.h"

int main() {
  const int n = 64;
  std::vector<float> a(n * n), b(n * n), c(n * n);
  for (int i = 0; i < n * n; ++i) a[i] = i % 7, b[i] = i % 5 - 2;
  float *da, *db, *dc, one = 1, zero = 0;
  size_t bytes = n * n * sizeof(float);
  CHECK(cudaMalloc(&da, bytes));
  CHECK(cudaMalloc(&db, bytes));
  CHECK(cudaMalloc(&dc, bytes));
  CHECK(cudaMemcpy(da, a.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(db, b.data(), bytes, cudaMemcpyHostToDevice));
  cublasHandle_t blas;
  EXPECT(cublasCreate(&blas) == CUBLAS_STATUS_SUCCESS);
  EXPECT(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_T, n, n, n, &one, da, n, db, n, &zero, dc, n) == CUBLAS_STATUS_SUCCESS);
  CHECK(cudaMemcpy(c.data(), dc, bytes, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;  // small whole numbers: exact in any order
      for (int k = 0; k < n; ++k) sum += a[k * n + i] * b[k * n + j];
      EXPECT(c[j * n + i] == sum);
    }
  EXPECT(cublasDestroy(blas) == CUBLAS_STATUS_SUCCESS);
  std::printf("cublas_product: %d x %d right\n", n, n);
}
