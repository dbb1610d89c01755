// cuBLAS products of narrow types: f16, bf16, TF32 and 8-bit integers, alone, strided and through cublasGemmEx.
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "library.h"

Values values;

template <class T>
std::vector<T> numbers(size_t count) {
  std::vector<T> made(count);
  for (T& x : made) x = T(static_cast<float>(values.next()));
  return made;
}
// Multiples of 1/1024 below 1, which f16 and TF32 hold exactly: so products that go through them lose nothing.
template <>
std::vector<float> numbers<float>(size_t count) {
  std::vector<float> made(count);
  for (float& x : made) x = static_cast<float>(std::round(values.next() * 1024) / 1024);
  return made;
}
template <>
std::vector<int8_t> numbers<int8_t>(size_t count) {
  std::vector<int8_t> made(count);
  for (int8_t& x : made) x = static_cast<int8_t>(values.next() * 100);
  return made;
}

template <class In, class Out>
struct Product {
  const char* name;
  cudaDataType in, out;
  cublasComputeType_t compute;
  double tolerance;
  cublasOperation_t ta, tb;
  int m, n, k, count;

  void run(cublasHandle_t blas) const {
    auto a = numbers<In>(m * k * count), b = numbers<In>(k * n * count);
    Device<In> da(a), db(b);
    Device<Out> dc(m * n * count);
    float one = 1, zero = 0;
    int whole_one = 1, whole_zero = 0;
    __half half_one = 1.0f, half_zero = 0.0f;
    const void *alpha = &one, *beta = &zero;
    if (compute == CUBLAS_COMPUTE_32I) alpha = &whole_one, beta = &whole_zero;
    if (compute == CUBLAS_COMPUTE_16F) alpha = &half_one, beta = &half_zero;
    int lda = ta == CUBLAS_OP_N ? m : k, ldb = tb == CUBLAS_OP_N ? k : n;
    if (count == 1)
      WORKS(cublasGemmEx(blas, ta, tb, m, n, k, alpha, da, in, lda, db, in, ldb, beta, dc, out, m, compute,
                         CUBLAS_GEMM_DEFAULT));
    else
      WORKS(cublasGemmStridedBatchedEx(blas, ta, tb, m, n, k, alpha, da, in, lda, m * k, db, in, ldb, k * n, beta, dc,
                                       out, m, m * n, count, compute, CUBLAS_GEMM_DEFAULT));
    compare(a, b, dc.read());
  }

  void compare(const std::vector<In>& a, const std::vector<In>& b, const std::vector<Out>& c) const {
    for (int batch = 0; batch < count; ++batch)
      for (int j = 0; j < n; ++j)
        for (int i = 0; i < m; ++i) {
          double sum = 0;
          for (int l = 0; l < k; ++l)
            sum += static_cast<double>(static_cast<float>(a[batch * m * k + (ta ? i * k + l : l * m + i)])) *
                   static_cast<double>(static_cast<float>(b[batch * k * n + (tb ? l * n + j : j * k + l)]));
          double found = static_cast<double>(static_cast<float>(c[batch * m * n + j * m + i]));
          if (near(found, sum, tolerance)) continue;
          std::fprintf(stderr, "%s: %g instead of %g at %d, %d\n", name, found, sum, i, j);
          std::exit(1);
        }
  }
};

int main() {
  cublasHandle_t blas;
  WORKS(cublasCreate(&blas));
  constexpr auto N = CUBLAS_OP_N, T = CUBLAS_OP_T;
  constexpr auto f16 = CUDA_R_16F, bf16 = CUDA_R_16BF, f32 = CUDA_R_32F;
  for (auto [ta, tb] : {std::pair{N, N}, {T, N}, {N, T}, {T, T}}) {
    Product<__half, __half>{"f16", f16, f16, CUBLAS_COMPUTE_32F, 2e-3, ta, tb, 64, 48, 80, 1}.run(blas);
    Product<__half, float>{"f16 to f32", f16, f32, CUBLAS_COMPUTE_32F, 1e-5, ta, tb, 40, 56, 64, 1}.run(blas);
    Product<__nv_bfloat16, float>{"bf16 to f32", bf16, f32, CUBLAS_COMPUTE_32F, 1e-5, ta, tb, 64, 64, 64, 1}.run(blas);
    Product<float, float>{"TF32", f32, f32, CUBLAS_COMPUTE_32F_FAST_TF32, 1e-5, ta, tb, 64, 64, 96, 1}.run(blas);
  }
  Product<__half, __half>{"f16 alone", f16, f16, CUBLAS_COMPUTE_16F, 3e-2, N, N, 64, 64, 64, 1}.run(blas);
  Product<__half, __half>{"odd f16", f16, f16, CUBLAS_COMPUTE_32F, 2e-3, N, N, 37, 21, 53, 1}.run(blas);
  Product<__nv_bfloat16, __nv_bfloat16>{"bf16", bf16, bf16, CUBLAS_COMPUTE_32F, 1e-2, T, N, 72, 40, 128, 1}.run(blas);
  Product<__half, __half>{"f16 batches", f16, f16, CUBLAS_COMPUTE_32F, 2e-3, N, T, 32, 24, 40, 4}.run(blas);
  // At 48 and 64 the library chooses a kernel of which it has machine code alone (docs/packages.md).
  Product<int8_t, int>{"s8", CUDA_R_8I, CUDA_R_32I, CUBLAS_COMPUTE_32I, 0, T, N, 128, 128, 128, 1}.run(blas);
  Product<int8_t, float>{"s8 to f32", CUDA_R_8I, f32, CUBLAS_COMPUTE_32F, 1e-6, N, N, 64, 48, 64, 1}.run(blas);
  Product<float, float>{"f32 as f16", f32, f32, CUBLAS_COMPUTE_32F_FAST_16F, 1e-5, N, N, 64, 64, 64, 1}.run(blas);
  WORKS(cublasDestroy(blas));
  std::printf("cublas_mixed: f16, bf16, TF32 and s8 right\n");
}
