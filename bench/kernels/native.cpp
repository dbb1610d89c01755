// The same work as plain C++ loops, the way a person would write them for the CPU: g++ -O3 -march=native, OpenMP.
#include <algorithm>
#include <string>

#include "bench/kernels/kernels.h"

namespace {

using namespace bench;
using Floats = std::vector<float>;

std::string only;
bool wanted(const char* name) { return only.empty() || only == name; }

void saxpy(const float* __restrict x, float* __restrict y, int n) {
#pragma omp parallel for
  for (int i = 0; i < n; ++i) y[i] = 0.5f * x[i] + y[i];
}

void vectors() {
  Floats x = numbers(vector_size, 0, 1), y = numbers(vector_size, 0, 1, 2), z(vector_size);
  if (wanted("saxpy_16m"))
    report("saxpy_16m", 12e-9 * vector_size, vector_size, [&] { saxpy(x.data(), y.data(), vector_size); });
  if (wanted("vadd_16m"))
    report("vadd_16m", 12e-9 * vector_size, vector_size, [&] {
#pragma omp parallel for
      for (int i = 0; i < vector_size; ++i) z[size_t(i)] = x[size_t(i)] + y[size_t(i)];
    });
  if (wanted("saxpy_32k"))
    report("saxpy_32k", 12e-9 * small_size * 100, small_size, [&] {
      for (int i = 0; i < 100; ++i) saxpy(x.data(), y.data(), small_size);
    });
  auto reduce = [&](const char* name, int n) {
    if (!wanted(name)) return;
    float sum = 0;
    auto once = [&] {
      sum = 0;
#pragma omp parallel for reduction(+ : sum)
      for (int i = 0; i < n; ++i) sum += x[size_t(i)];
    };
    once();
    report(name, 4e-9 * n, double(sum), once);
  };
  reduce("reduce_shared_4m", 4 * million);
  reduce("reduce_shuffle_16m", vector_size);
}

void multiply(const float* __restrict a, const float* __restrict b, float* __restrict c) {
  constexpr int tile = 64;
#pragma omp parallel for collapse(2)
  for (int row = 0; row < matrix; row += tile)
    for (int column = 0; column < matrix; column += tile) {
      float sum[tile][tile] = {};
      for (int k = 0; k < matrix; ++k)
        for (int i = 0; i < tile; ++i)
          for (int j = 0; j < tile; ++j) sum[i][j] += a[(row + i) * matrix + k] * b[k * matrix + column + j];
      for (int i = 0; i < tile; ++i)
        for (int j = 0; j < tile; ++j) c[(row + i) * matrix + column + j] = sum[i][j];
    }
}

void matrices() {
  size_t cells = size_t(matrix) * matrix;
  Floats a = numbers(cells, -1, 1), b = numbers(cells, -1, 1, 7), c(cells);
  for (const char* name : {"sgemm_tiled_16", "sgemm_tiled_32", "sgemm_blocked"}) {
    if (!wanted(name)) continue;
    multiply(a.data(), b.data(), c.data());
    report(name, 2e-9 * matrix * matrix * matrix, sum_of(c), [&] { multiply(a.data(), b.data(), c.data()); });
  }
}

int mandelbrot(int x, int y) {
  float cr = -2.0f + 3.0f * float(x) / picture_width, ci = -1.0f + 2.0f * float(y) / picture_height, zr = 0, zi = 0;
  int i = 0;
  while (i < iterations && zr * zr + zi * zi < 4.0f) {
    float next = zr * zr - zi * zi + cr;
    zi = 2 * zr * zi + ci;
    zr = next;
    ++i;
  }
  return i;
}

void compute() {
  if (wanted("mandelbrot")) {
    std::vector<int> out(size_t(picture_width) * picture_height);
    auto once = [&] {
#pragma omp parallel for schedule(dynamic, 8)
      for (int y = 0; y < picture_height; ++y)
        for (int x = 0; x < picture_width; ++x) out[size_t(y) * picture_width + size_t(x)] = mandelbrot(x, y);
    };
    once();
    report("mandelbrot", sum_of(out) * 1e-9, sum_of(out), once);
  }
  if (wanted("collatz")) {
    std::vector<int> out(million);
    auto once = [&] {
#pragma omp parallel for schedule(dynamic, 4096)
      for (int i = 0; i < million; ++i) {
        unsigned long value = static_cast<unsigned long>(i) + 1;
        int steps = 0;
        for (; value != 1; ++steps) value = value & 1 ? 3 * value + 1 : value >> 1;
        out[size_t(i)] = steps;
      }
    };
    once();
    report("collatz", sum_of(out) * 1e-9, sum_of(out), once);
  }
  if (wanted("histogram")) {
    std::vector<unsigned char> data(vector_size);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<unsigned char>((i * 2654435761u) >> 13);
    unsigned bins[256] = {};
    auto once = [&] {
      unsigned counts[256] = {};
#pragma omp parallel for reduction(+ : counts)
      for (int i = 0; i < vector_size; ++i) ++counts[data[size_t(i)]];
      std::copy(counts, counts + 256, bins);
    };
    once();
    double sum = 0;
    for (int i = 0; i < 256; ++i) sum += double(bins[i]) * i;
    report("histogram", 1e-9 * vector_size, sum, once);
  }
  if (wanted("n_body")) {
    Floats x = numbers(bodies, -1, 1), y = numbers(bodies, -1, 1, 2), z = numbers(bodies, -1, 1, 3), out(bodies);
    auto once = [&] {
#pragma omp parallel for
      for (int i = 0; i < bodies; ++i) {
        float ax = 0, ay = 0, az = 0;
        for (int j = 0; j < bodies; ++j) {
          size_t at = size_t(i), by = size_t(j);
          float dx = x[by] - x[at], dy = y[by] - y[at], dz = z[by] - z[at];
          float inverse = 1 / std::sqrt(dx * dx + dy * dy + dz * dz + 0.01f), cube = inverse * inverse * inverse;
          ax += dx * cube;
          ay += dy * cube;
          az += dz * cube;
        }
        out[size_t(i)] = ax + ay + az;
      }
    };
    once();
    report("n_body", 1e-9 * bodies * bodies, sum_of(out), once);
  }
}

float normal(float d) {
  float k = 1.0f / (1.0f + 0.2316419f * std::fabs(d));
  float sum = k * (0.31938153f + k * (-0.356563782f + k * (1.781477937f + k * (-1.821255978f + k * 1.330274429f))));
  float tail = 0.39894228f * std::exp(-0.5f * d * d) * sum;
  return d > 0 ? 1.0f - tail : tail;
}

void gather() {
  std::vector<int> links(8 * million), level(million), out(million);
  for (size_t i = 0; i < links.size(); ++i) links[i] = int((i * 2654435761u >> 7) % million);
  for (size_t i = 0; i < level.size(); ++i) level[i] = int(i * 40503u % 1000);
  auto once = [&] {
#pragma omp parallel for
    for (int i = 0; i < million; ++i) {
      int least = 1 << 30;
      for (int k = 0; k < 8; ++k) least = std::min(least, level[size_t(links[size_t(i) * 8 + size_t(k)])]);
      out[size_t(i)] = least + 1;
    }
  };
  once();
  report("gather", 8e-9 * million, sum_of(out), once);
}

void black_scholes() {
  Floats price = numbers(million, 5, 30), strike = numbers(million, 1, 100, 2), years = numbers(million, 0.25f, 10, 3);
  Floats call(million), put(million);
  auto once = [&] {
#pragma omp parallel for
    for (size_t i = 0; i < size_t(million); ++i) {
      float root = std::sqrt(years[i]);
      float d1 = (std::log(price[i] / strike[i]) + (0.02f + 0.045f) * years[i]) / (0.3f * root), d2 = d1 - 0.3f * root;
      float discounted = strike[i] * std::exp(-0.02f * years[i]);
      call[i] = price[i] * normal(d1) - discounted * normal(d2);
      put[i] = discounted * normal(-d2) - price[i] * normal(-d1);
    }
  };
  once();
  report("black_scholes", 1e-9 * million, sum_of(call), once);
}

void memory() {
  if (wanted("gather")) gather();
  if (wanted("black_scholes")) black_scholes();
  if (wanted("stencil")) {
    size_t cells = size_t(grid_width) * grid_height;
    Floats in = numbers(cells, 0, 1), out(cells);
    auto once = [&] {
#pragma omp parallel for
      for (int y = 1; y < grid_height - 1; ++y)
        for (int x = 1; x < grid_width - 1; ++x) {
          size_t at = size_t(y) * grid_width + size_t(x);
          out[at] = 0.2f * (in[at] + in[at - 1] + in[at + 1] + in[at - grid_width] + in[at + grid_width]);
        }
    };
    once();
    report("stencil", 8e-9 * double(cells), sum_of(out), once);
  }
  if (wanted("transpose")) {
    size_t cells = size_t(turned) * turned;
    Floats in = numbers(cells, 0, 1), out(cells);
    auto once = [&] {
#pragma omp parallel for
      for (int y = 0; y < turned; ++y)
        for (int x = 0; x < turned; ++x) out[size_t(x) * turned + size_t(y)] = in[size_t(y) * turned + size_t(x)];
    };
    once();
    report("transpose", 8e-9 * double(cells), sum_of(out), once);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) only = arguments[1];
  vectors();
  matrices();
  compute();
  memory();
}
