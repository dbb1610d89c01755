// Arithmetic rounded down, up and to zero, in both precisions, against the host's processor in the same mode.
#include <cfenv>
#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"

constexpr int operations = 7, modes = 3, results = operations * modes;

__global__ void singles(const float* x, const float* y, const float* z, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float a = x[i], b = y[i], c = z[i], p = fabsf(a), *r = out + i * results;
  r[0] = __fadd_rd(a, b), r[1] = __fadd_ru(a, b), r[2] = __fadd_rz(a, b);
  r[3] = __fsub_rd(a, b), r[4] = __fsub_ru(a, b), r[5] = __fsub_rz(a, b);
  r[6] = __fmul_rd(a, b), r[7] = __fmul_ru(a, b), r[8] = __fmul_rz(a, b);
  r[9] = __fmaf_rd(a, b, c), r[10] = __fmaf_ru(a, b, c), r[11] = __fmaf_rz(a, b, c);
  r[12] = __fdiv_rd(a, b), r[13] = __fdiv_ru(a, b), r[14] = __fdiv_rz(a, b);
  r[15] = __frcp_rd(b), r[16] = __frcp_ru(b), r[17] = __frcp_rz(b);
  r[18] = __fsqrt_rd(p), r[19] = __fsqrt_ru(p), r[20] = __fsqrt_rz(p);
}
__global__ void doubles(const double* x, const double* y, const double* z, double* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  double a = x[i], b = y[i], c = z[i], p = fabs(a), *r = out + i * results;
  r[0] = __dadd_rd(a, b), r[1] = __dadd_ru(a, b), r[2] = __dadd_rz(a, b);
  r[3] = __dsub_rd(a, b), r[4] = __dsub_ru(a, b), r[5] = __dsub_rz(a, b);
  r[6] = __dmul_rd(a, b), r[7] = __dmul_ru(a, b), r[8] = __dmul_rz(a, b);
  r[9] = __fma_rd(a, b, c), r[10] = __fma_ru(a, b, c), r[11] = __fma_rz(a, b, c);
  r[12] = __ddiv_rd(a, b), r[13] = __ddiv_ru(a, b), r[14] = __ddiv_rz(a, b);
  r[15] = __drcp_rd(b), r[16] = __drcp_ru(b), r[17] = __drcp_rz(b);
  r[18] = __dsqrt_rd(p), r[19] = __dsqrt_ru(p), r[20] = __dsqrt_rz(p);
}

template <class T>
T expected(int operation, volatile T a, volatile T b, volatile T c) {
  volatile T one = 1;
  switch (operation) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return std::fma(a, b, c);
    case 4: return a / b;
    case 5: return one / b;
    default: return std::sqrt(std::fabs(a));
  }
}

template <class T, class Kernel>
void check(Kernel kernel, const T* specials, int special_count) {
  const int n = 4096, host_modes[modes] = {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  std::vector<T> a(n), b(n), c(n), got(n * results);
  unsigned state = 7;
  auto next = [&] {
    state = state * 1664525u + 1013904223u;
    int exponent = static_cast<int>(state >> 8 & 31) - 16;
    return std::ldexp(static_cast<T>(static_cast<int>(state)) * T{1.000000119}, exponent - 30);
  };
  for (int i = 0; i < n; ++i) {
    bool special = i < special_count * special_count;
    a[i] = special ? specials[i / special_count] : next(), b[i] = special ? specials[i % special_count] : next(),
    c[i] = next();
    if (i % 5 == 4 && !special) c[i] = -a[i] * b[i];  // what is left is the product's own error
  }
  T *x, *y, *z, *out;
  for (T** p : {&x, &y, &z}) CHECK(cudaMalloc(p, n * sizeof(T)));
  CHECK(cudaMalloc(&out, n * results * sizeof(T)));
  CHECK(cudaMemcpy(x, a.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(y, b.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(z, c.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  kernel<<<n / 128, 128>>>(x, y, z, out, n);
  CHECK(cudaMemcpy(got.data(), out, n * results * sizeof(T), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < results; ++k) {
      std::fesetround(host_modes[k % modes]);
      T truth = expected<T>(k / modes, a[i], b[i], c[i]);
      std::fesetround(FE_TONEAREST);
      T value = got[i * results + k];
      bool same = value == truth || (std::isnan(value) && std::isnan(truth));
      if (!same)
        std::fprintf(stderr, "operation %d, mode %d of %a, %a, %a: %a, not %a\n", k / modes, k % modes, double(a[i]),
                     double(b[i]), double(c[i]), double(value), double(truth));
      EXPECT(same);
    }
}

int main() {
  const float single[] = {0.0f,           1.0f,   -3.0f,  INFINITY, NAN,  3.4028235e38f,
                          -3.4028235e38f, 1e-38f, 1e-45f, -7e-44f,  0.1f, 16777217.0f};
  const double twice[] = {
      0.0, 1.0, -3.0, HUGE_VAL, NAN, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, 9007199254740993.0};
  check<float>(singles, single, sizeof single / sizeof *single);
  check<double>(doubles, twice, sizeof twice / sizeof *twice);
  std::printf("directed_rounding: %d operations\n", operations);
}
