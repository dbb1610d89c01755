// nvcuda::wmma in its types and layouts, one warp per tile, against a loop on the host. The numbers are small whole
// ones, so that every sum is exact.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include <vector>

#include "check.h"

using namespace nvcuda;

constexpr int tiles = 3;  // of a matrix, each way

// D = alpha * A * B + C, where the scaling goes over the elements of a fragment.
template <int m, int n, int k, class In, class Held, class Sum, class LayoutA, class LayoutB>
__global__ void product(Sum* d, const Held* a, const Held* b, const Sum* c, Sum alpha) {
#if __CUDA_ARCH__ >= 800
  constexpr bool a_rows = std::is_same<LayoutA, wmma::row_major>::value,
                 b_rows = std::is_same<LayoutB, wmma::row_major>::value;
  const int height = m * tiles, width = n * tiles, depth = k * tiles, row = blockIdx.y * m, column = blockIdx.x * n;
  wmma::fragment<wmma::accumulator, m, n, k, Sum> sums, before;
  wmma::fill_fragment(sums, Sum(0));
  for (int i = 0; i < depth; i += k) {
    wmma::fragment<wmma::matrix_a, m, n, k, In, LayoutA> left;
    wmma::fragment<wmma::matrix_b, m, n, k, In, LayoutB> right;
    wmma::load_matrix_sync(left, a + (a_rows ? row * depth + i : i * height + row), a_rows ? depth : height);
    wmma::load_matrix_sync(right, b + (b_rows ? i * width + column : column * depth + i), b_rows ? width : depth);
    wmma::mma_sync(sums, left, right, sums);
  }
  wmma::load_matrix_sync(before, c + row * width + column, width, wmma::mem_row_major);
  for (int i = 0; i < sums.num_elements; ++i) sums.x[i] = alpha * sums.x[i] + before.x[i];
  wmma::store_matrix_sync(d + column * height + row, sums, height, wmma::mem_col_major);
#endif
}

template <class T>
T made(int value) {
  return T(value);
}
template <>
__half made<__half>(int value) {
  return __float2half(value);
}
template <>
__nv_bfloat16 made<__nv_bfloat16>(int value) {
  return __float2bfloat16(value);
}
template <class T>
double real(T value) {
  return double(value);
}
template <>
double real(__half value) {
  return __half2float(value);
}

template <int m, int n, int k, class In, class Held, class Sum, class LayoutA, class LayoutB>
void check(const char* name, int low) {
  constexpr bool a_rows = std::is_same<LayoutA, wmma::row_major>::value,
                 b_rows = std::is_same<LayoutB, wmma::row_major>::value;
  const int height = m * tiles, width = n * tiles, depth = k * tiles;
  std::vector<int> a(height * depth), b(depth * width), c(height * width);
  unsigned seed = 1;
  auto next = [&] { return int((seed = seed * 1664525 + 1013904223) >> 24) % 5 + low; };
  for (int& x : a) x = next();
  for (int& x : b) x = next();
  for (int& x : c) x = next();
  Held *left, *right;
  Sum *before, *after;
  CHECK(cudaMallocManaged(&left, a.size() * sizeof(Held)));
  CHECK(cudaMallocManaged(&right, b.size() * sizeof(Held)));
  CHECK(cudaMallocManaged(&before, c.size() * sizeof(Sum)));
  CHECK(cudaMallocManaged(&after, c.size() * sizeof(Sum)));
  for (int i = 0; i < height; ++i)
    for (int j = 0; j < depth; ++j) left[a_rows ? i * depth + j : j * height + i] = made<Held>(a[i * depth + j]);
  for (int i = 0; i < depth; ++i)
    for (int j = 0; j < width; ++j) right[b_rows ? i * width + j : j * depth + i] = made<Held>(b[i * width + j]);
  for (size_t i = 0; i < c.size(); ++i) before[i] = made<Sum>(c[i]);
  product<m, n, k, In, Held, Sum, LayoutA, LayoutB>
      <<<dim3(tiles, tiles), 32>>>(after, left, right, before, made<Sum>(2));
  CHECK(cudaGetLastError());
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < height; ++i)
    for (int j = 0; j < width; ++j) {
      int sum = 0;
      for (int t = 0; t < depth; ++t) sum += a[i * depth + t] * b[t * width + j];
      EXPECT(real(after[j * height + i]) == 2 * sum + c[i * width + j]);
    }
  for (void* memory : {(void*)left, (void*)right, (void*)before, (void*)after}) CHECK(cudaFree(memory));
  std::printf("%s: right\n", name);
}

template <int m, int n, int k>
void check_shape() {
  using wmma::col_major;
  using wmma::row_major;
  std::printf("%d x %d x %d\n", m, n, k);
  check<m, n, k, __half, __half, float, row_major, col_major>("half to float", -2);
  check<m, n, k, __half, __half, __half, col_major, row_major>("half", -2);
  check<m, n, k, __nv_bfloat16, __nv_bfloat16, float, row_major, row_major>("bfloat", -2);
  check<m, n, k, signed char, signed char, int, row_major, col_major>("signed bytes", -2);
  check<m, n, k, unsigned char, unsigned char, int, col_major, row_major>("unsigned bytes", 0);
}

int main() {
  check_shape<16, 16, 16>();
  check_shape<8, 32, 16>();
  check_shape<32, 8, 16>();
  check<16, 16, 8, wmma::precision::tf32, float, float, wmma::row_major, wmma::row_major>("tf32", -2);
  check<16, 16, 8, wmma::precision::tf32, float, float, wmma::col_major, wmma::col_major>("tf32", -2);
  check<8, 8, 4, double, double, double, wmma::row_major, wmma::col_major>("double", -2);
  check<8, 8, 4, double, double, double, wmma::col_major, wmma::row_major>("double", -2);
}
