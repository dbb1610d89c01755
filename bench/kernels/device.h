// The kernels on a device, whatever carries them there: Gpu has upload, buffer, run(kernel, groups, threads,
// arguments...), wait and download. The CUDA and the OpenCL program each bring their own.
#pragma once
#include <algorithm>
#include <cstring>
#include <string>

#include "bench/kernels/kernels.h"

namespace bench {

struct Extent {
  unsigned x, y = 1;
};

template <class Gpu>
void run_vectors(Gpu& gpu, const std::function<bool(const char*)>& wanted) {
  auto x = gpu.upload(numbers(vector_size, 0, 1)), y = gpu.upload(numbers(vector_size, 0, 1, 2));
  auto z = gpu.template buffer<float>(vector_size);
  auto simple = [&](const char* name, int n, int times, auto&& body) {
    if (!wanted(name)) return;
    auto once = [&] {
      for (int i = 0; i < times; ++i) body(n);
      gpu.wait();
    };
    once();
    report(name, 12e-9 * n * times, n, once);
  };
  auto saxpy = [&](int n) { gpu.run("saxpy", Extent{unsigned(n) / 256}, Extent{256}, 0.5f, x, y, n); };
  simple("saxpy_16m", vector_size, 1, saxpy);
  simple("vadd_16m", vector_size, 1,
         [&](int n) { gpu.run("vadd", Extent{unsigned(n) / 256}, Extent{256}, x, y, z, n); });
  simple("saxpy_32k", small_size, 100, saxpy);
  if (wanted("reduce_shared_4m")) {
    int n = 4 * million, groups = n / 256;
    auto once = [&] {
      gpu.run("reduce_shared", Extent{unsigned(groups)}, Extent{256}, x, z);
      gpu.wait();
    };
    once();
    auto sums = gpu.download(z, size_t(groups));
    report("reduce_shared_4m", 4e-9 * n, sum_of(sums), once);
  }
  if (wanted("reduce_shuffle_16m")) gpu.shuffle(x, z);
}

template <class Gpu>
void run_matrices(Gpu& gpu, const std::function<bool(const char*)>& wanted) {
  size_t cells = size_t(matrix) * matrix;
  auto a = gpu.upload(numbers(cells, -1, 1)), b = gpu.upload(numbers(cells, -1, 1, 7));
  auto c = gpu.template buffer<float>(cells);
  auto product = [&](const char* name, const char* kernel, unsigned tile, Extent threads) {
    if (!wanted(name)) return;
    auto once = [&] {
      gpu.run(kernel, Extent{matrix / tile, matrix / tile}, threads, a, b, c, matrix);
      gpu.wait();
    };
    once();
    report(name, 2e-9 * matrix * matrix * matrix, sum_of(gpu.download(c, cells)), once);
  };
  product("sgemm_tiled_16", "sgemm_16", 16, {16, 16});
  product("sgemm_tiled_32", "sgemm_32", 32, {32, 32});
  product("sgemm_blocked", "sgemm_blocked", 64, {16, 16});
}

template <class Gpu>
void run_compute(Gpu& gpu, const std::function<bool(const char*)>& wanted) {
  if (wanted("mandelbrot")) {
    size_t pixels = size_t(picture_width) * picture_height;
    auto out = gpu.template buffer<int>(pixels);
    auto once = [&] {
      gpu.run("mandelbrot", Extent{picture_width / 32, picture_height / 8}, Extent{32, 8}, out, picture_width,
              picture_height, iterations);
      gpu.wait();
    };
    once();
    double total = sum_of(gpu.download(out, pixels));
    report("mandelbrot", total * 1e-9, total, once);
  }
  if (wanted("collatz")) {
    auto out = gpu.template buffer<int>(million);
    auto once = [&] {
      gpu.run("collatz", Extent{million / 256}, Extent{256}, out, million);
      gpu.wait();
    };
    once();
    double total = sum_of(gpu.download(out, million));
    report("collatz", total * 1e-9, total, once);
  }
  if (wanted("histogram")) {
    std::vector<unsigned char> data(vector_size);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<unsigned char>((i * 2654435761u) >> 13);
    auto in = gpu.upload(data);
    auto bins = gpu.upload(std::vector<unsigned>(256, 0));
    auto once = [&] {
      gpu.run("histogram", Extent{256}, Extent{256}, in, bins, vector_size);
      gpu.wait();
    };
    once();
    auto counted = gpu.download(bins, 256);
    double sum = 0;
    for (size_t i = 0; i < counted.size(); ++i) sum += double(counted[i]) * double(i);
    report("histogram", 1e-9 * vector_size, sum, once);
  }
  if (wanted("n_body")) {
    auto x = gpu.upload(numbers(bodies, -1, 1)), y = gpu.upload(numbers(bodies, -1, 1, 2));
    auto z = gpu.upload(numbers(bodies, -1, 1, 3)), out = gpu.template buffer<float>(bodies);
    auto once = [&] {
      gpu.run("n_body", Extent{bodies / 256}, Extent{256}, x, y, z, out, bodies);
      gpu.wait();
    };
    once();
    report("n_body", 1e-9 * bodies * bodies, sum_of(gpu.download(out, bodies)), once);
  }
}

template <class Gpu>
void run_memory(Gpu& gpu, const std::function<bool(const char*)>& wanted) {
  if (wanted("gather")) {
    std::vector<int> links(8 * million), level(million);
    for (size_t i = 0; i < links.size(); ++i) links[i] = int((i * 2654435761u >> 7) % million);
    for (size_t i = 0; i < level.size(); ++i) level[i] = int(i * 40503u % 1000);
    auto in = gpu.upload(links), from = gpu.upload(level), out = gpu.template buffer<int>(million);
    auto once = [&] {
      gpu.run("gather", Extent{million / 256}, Extent{256}, in, from, out, million);
      gpu.wait();
    };
    once();
    report("gather", 8e-9 * million, sum_of(gpu.download(out, million)), once);
  }
  if (wanted("black_scholes")) {
    auto price = gpu.upload(numbers(million, 5, 30)), strike = gpu.upload(numbers(million, 1, 100, 2));
    auto years = gpu.upload(numbers(million, 0.25f, 10, 3));
    auto call = gpu.template buffer<float>(million), put = gpu.template buffer<float>(million);
    auto once = [&] {
      gpu.run("black_scholes", Extent{million / 256}, Extent{256}, price, strike, years, call, put, million);
      gpu.wait();
    };
    once();
    report("black_scholes", 1e-9 * million, sum_of(gpu.download(call, million)), once);
  }
  if (wanted("stencil")) {
    size_t cells = size_t(grid_width) * grid_height;
    auto in = gpu.upload(numbers(cells, 0, 1)), out = gpu.upload(std::vector<float>(cells, 0.f));
    auto once = [&] {
      gpu.run("stencil", Extent{grid_width / 32, grid_height / 8}, Extent{32, 8}, in, out, grid_width, grid_height);
      gpu.wait();
    };
    once();
    report("stencil", 8e-9 * double(cells), sum_of(gpu.download(out, cells)), once);
  }
  if (wanted("transpose")) {
    size_t cells = size_t(turned) * turned;
    auto in = gpu.upload(numbers(cells, 0, 1)), out = gpu.template buffer<float>(cells);
    auto once = [&] {
      gpu.run("transpose", Extent{turned / 32, turned / 32}, Extent{32, 8}, in, out, turned);
      gpu.wait();
    };
    once();
    report("transpose", 8e-9 * double(cells), sum_of(gpu.download(out, cells)), once);
  }
}

// `only`: the kernel to run; all when empty.
template <class Gpu>
void run_all(Gpu& gpu, const std::string& only) {
  auto wanted = [&](const char* name) { return only.empty() || only == name; };
  run_vectors(gpu, wanted);
  run_matrices(gpu, wanted);
  run_compute(gpu, wanted);
  run_memory(gpu, wanted);
}

}  // namespace bench
