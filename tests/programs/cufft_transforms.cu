// cuFFT in one, two and three dimensions, of powers, composites and primes, real and complex, single and double,
// batched and strided, against the sum that defines the transform.
#include <cufft.h>

#include <numeric>

#include "library.h"

using Complex = std::complex<double>;
Values values;

constexpr double pi = 3.14159265358979323846;

// The transform along one dimension of `data` (rows of `length`, `stride` apart), without any cleverness.
void transform_along(std::vector<Complex>& data, size_t length, size_t stride, int sign) {
  std::vector<Complex> root(length), line(length);
  for (size_t i = 0; i < length; ++i) root[i] = std::polar(1.0, sign * 2 * pi * static_cast<double>(i) / length);
  for (size_t start = 0; start < data.size(); ++start) {
    if (start / stride % length) continue;
    for (size_t i = 0; i < length; ++i) line[i] = data[start + i * stride];
    for (size_t f = 0; f < length; ++f) {
      Complex sum = 0;
      for (size_t i = 0; i < length; ++i) sum += line[i] * root[f * i % length];
      data[start + f * stride] = sum;
    }
  }
}

std::vector<Complex> transform(std::vector<Complex> data, const std::vector<int>& shape, int sign) {
  size_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d]) transform_along(data, shape[d], stride, sign);
  return data;
}

template <class Real>
struct Library;
template <>
struct Library<float> {
  using Pair = cufftComplex;
  static constexpr auto complex = CUFFT_C2C, forward = CUFFT_R2C, backward = CUFFT_C2R;
  static constexpr auto run = cufftExecC2C;
  static constexpr auto run_forward = cufftExecR2C;
  static constexpr auto run_backward = cufftExecC2R;
  static constexpr double tolerance = 1e-5;
};
template <>
struct Library<double> {
  using Pair = cufftDoubleComplex;
  static constexpr auto complex = CUFFT_Z2Z, forward = CUFFT_D2Z, backward = CUFFT_Z2D;
  static constexpr auto run = cufftExecZ2Z;
  static constexpr auto run_forward = cufftExecD2Z;
  static constexpr auto run_backward = cufftExecZ2D;
  static constexpr double tolerance = 1e-13;
};

struct Plan {
  cufftHandle handle;
  Plan(std::vector<int> shape, cufftType type, int batch = 1) {
    WORKS(cufftPlanMany(&handle, static_cast<int>(shape.size()), shape.data(), nullptr, 1, 0, nullptr, 1, 0, type,
                        batch));
  }
  ~Plan() { cufftDestroy(handle); }
};

int product(const std::vector<int>& shape) {
  return std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<>());
}

template <class Pair>
void compare(const std::vector<Pair>& found, const std::vector<Complex>& expected, double tolerance, const char* what,
             const std::vector<int>& shape) {
  double size = std::sqrt(static_cast<double>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    if (near(Complex(found[i].x, found[i].y), expected[i], tolerance * size)) continue;
    std::fprintf(stderr, "%s of %d x %zu: %g%+gi instead of %g%+gi at %zu\n", what, shape[0], shape.size(),
                 double(found[i].x), double(found[i].y), expected[i].real(), expected[i].imag(), i);
    std::exit(1);
  }
}

template <class Real>
void complex_to_complex(const std::vector<int>& shape, int batch = 1) {
  using L = Library<Real>;
  int size = product(shape);
  std::vector<typename L::Pair> input(size * batch);
  for (auto& x : input) x = {Real(values.next()), Real(values.next())};
  Device<typename L::Pair> data(input), result(size * batch);
  Plan plan(shape, L::complex, batch);
  for (int sign : {CUFFT_FORWARD, CUFFT_INVERSE}) {
    WORKS(L::run(plan.handle, data, result, sign));
    auto found = result.read();
    for (int b = 0; b < batch; ++b) {
      std::vector<Complex> one;
      for (int i = 0; i < size; ++i) one.emplace_back(input[b * size + i].x, input[b * size + i].y);
      std::vector<typename L::Pair> part(found.begin() + b * size, found.begin() + (b + 1) * size);
      compare(part, transform(one, shape, sign), L::tolerance, "complex transform", shape);
    }
  }
}

template <class Real>
void real_to_complex(const std::vector<int>& shape) {
  using L = Library<Real>;
  int size = product(shape), last = shape.back(), half = last / 2 + 1, rows = size / last;
  std::vector<Real> input(size);
  for (auto& x : input) x = Real(values.next());
  Device<Real> data(input), back(size);
  Device<typename L::Pair> result(rows * half);
  Plan forward(shape, L::forward), backward(shape, L::backward);
  WORKS(L::run_forward(forward.handle, data, result));
  auto whole = transform({input.begin(), input.end()}, shape, CUFFT_FORWARD);
  std::vector<Complex> expected;
  for (int r = 0; r < rows; ++r) expected.insert(expected.end(), &whole[r * last], &whole[r * last] + half);
  compare(result.read(), expected, L::tolerance, "real transform", shape);
  WORKS(L::run_backward(backward.handle, result, back));
  auto returned = back.read();
  for (int i = 0; i < size; ++i) EXPECT(near(returned[i], double(input[i]) * size, L::tolerance * size));
}

// Columns of a matrix: elements `columns` apart, transforms one apart.
void columns() {
  int length = 30, columns = 7, embed[] = {length * columns};
  std::vector<cufftComplex> input(length * columns);
  for (auto& x : input) x = {float(values.next()), float(values.next())};
  Device<cufftComplex> data(input);
  cufftHandle plan;
  WORKS(cufftPlanMany(&plan, 1, &length, embed, columns, 1, embed, columns, 1, CUFFT_C2C, columns));
  WORKS(cufftExecC2C(plan, data, data, CUFFT_FORWARD));
  std::vector<Complex> expected;
  for (auto& x : input) expected.emplace_back(x.x, x.y);
  transform_along(expected, length, columns, CUFFT_FORWARD);
  compare(data.read(), expected, 1e-5, "strided transform", {length});
  WORKS(cufftDestroy(plan));
}

int main() {
  for (int n : {1, 2, 3, 5, 8, 13, 60, 101, 243, 1000, 1009, 2048}) complex_to_complex<float>({n});
  for (int n : {4, 7, 100, 127, 1024}) complex_to_complex<double>({n});
  for (int n : {2, 9, 64, 500, 997}) real_to_complex<float>({n});
  for (int n : {6, 48, 211}) real_to_complex<double>({n});
  complex_to_complex<float>({12, 20});
  complex_to_complex<float>({64, 64});
  complex_to_complex<double>({16, 9});
  complex_to_complex<float>({6, 10, 8});
  complex_to_complex<double>({8, 8, 8});
  complex_to_complex<float>({128}, 9);
  complex_to_complex<double>({45}, 4);
  real_to_complex<float>({24, 30});
  real_to_complex<double>({5, 6, 14});
  columns();
  std::printf("cufft_transforms: complex and real, one to three dimensions, batched and strided right\n");
}
