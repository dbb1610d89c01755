// What this machine can do at best, measured with all threads at once: copying, multiply-adds, and OpenBLAS's sgemm.
#include <cblas.h>
#include <omp.h>

#include <cstring>
#include <string>

#include "bench/kernels/kernels.h"

namespace {

using namespace bench;

std::string only;
bool wanted(const char* name) { return only.empty() || only == name; }

// The C library's copy, which writes past the caches: every byte is read once and written once.
void copy() {
  std::vector<float> from = numbers(vector_size, 0, 1), to(vector_size);
  report("copy", 8e-9 * vector_size, 0, [&] {
#pragma omp parallel
    {
      size_t threads = size_t(omp_get_num_threads()), part = vector_size / threads,
             at = part * size_t(omp_get_thread_num());
      std::memcpy(&to[at], &from[at], part * sizeof(float));
    }
  });
}

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif
typedef float Vector __attribute__((vector_size(width * 4)));

// Twelve sums at a time: enough to keep two units of a latency of four or five cycles busy.
float multiply_adds(int turns) {
  Vector sums[12], factor, term;
  for (int lane = 0; lane < width; ++lane) factor[lane] = 0.999f, term[lane] = 0.001f;
  for (Vector& sum : sums) sum = term;
  for (int i = 0; i < turns; ++i)
#pragma GCC unroll 12
    for (Vector& sum : sums) sum = sum * factor + term;
  float all = 0;
  for (Vector& sum : sums) all += sum[0];
  return all;
}

void fma() {
  constexpr int turns = 400000;
  float sink = 0;
  auto once = [&] {
#pragma omp parallel reduction(+ : sink)
    sink += multiply_adds(turns);
  };
  once();
  report("fma", 2e-9 * 12 * width * turns * omp_get_max_threads(), 0, once);
}

void sgemm() {
  size_t cells = size_t(matrix) * matrix;
  std::vector<float> a = numbers(cells, -1, 1), b = numbers(cells, -1, 1, 7), c(cells);
  auto once = [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, matrix, matrix, matrix, 1, a.data(), matrix, b.data(),
                matrix, 0, c.data(), matrix);
  };
  once();
  report("openblas", 2e-9 * matrix * matrix * matrix, sum_of(c), once);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) only = arguments[1];
  if (wanted("copy")) copy();
  if (wanted("fma")) fma();
  if (wanted("openblas")) sgemm();
}
