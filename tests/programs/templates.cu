// Kernels and functors as templates: one instance per type and operation.
#include <vector>

#include "check.h"

struct Plus {
  template <class T>
  __host__ __device__ T operator()(T a, T b) const { return static_cast<T>(a + b); }
};
template <int factor>
struct ScaledMaximum {
  template <class T>
  __host__ __device__ T operator()(T a, T b) const { return static_cast<T>((a > b ? a : b) * factor); }
};

template <class T, class Operation, int per_thread>
__global__ void combine(const T* a, const T* b, T* c, int n, Operation operation) {
  int first = (blockIdx.x * blockDim.x + threadIdx.x) * per_thread;
#pragma unroll
  for (int i = first; i < first + per_thread; ++i)
    if (i < n) c[i] = operation(a[i], b[i]);
}

template <class T, int per_thread, class Operation>
double check(Operation operation) {
  const int n = 3001;
  std::vector<T> a(n), b(n), c(n);
  T *x, *y, *z;
  for (int i = 0; i < n; ++i) a[i] = static_cast<T>(i * 7 % 41 - 20), b[i] = static_cast<T>(i * 5 % 23 - 11);
  CHECK(cudaMalloc(&x, n * sizeof(T)));
  CHECK(cudaMalloc(&y, n * sizeof(T)));
  CHECK(cudaMalloc(&z, n * sizeof(T)));
  CHECK(cudaMemcpy(x, a.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(y, b.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  combine<T, Operation, per_thread><<<(n + 64 * per_thread - 1) / (64 * per_thread), 64>>>(x, y, z, n, operation);
  CHECK(cudaMemcpy(c.data(), z, n * sizeof(T), cudaMemcpyDeviceToHost));
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    EXPECT(c[i] == operation(a[i], b[i]));
    sum += static_cast<double>(c[i]);
  }
  return sum;
}

int main() {
  double sum = check<signed char, 1>(Plus{}) + check<short, 2>(ScaledMaximum<3>{}) + check<int, 4>(Plus{}) +
               check<long long, 3>(ScaledMaximum<-2>{}) + check<float, 2>(Plus{}) +
               check<double, 1>(ScaledMaximum<5>{});
  auto lambda = [] __host__ __device__(unsigned a, unsigned b) { return a * b - 1; };
  sum += check<unsigned, 2>(lambda);
  std::printf("templates: %.0f\n", sum);
}
