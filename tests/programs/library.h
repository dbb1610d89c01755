// What the programs over NVIDIA's libraries share: small random values, arrays on the device, and a comparison.
#pragma once
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include "check.h"

// The libraries' status types all have 0 for success.
#define WORKS(call)                                                                            \
  do {                                                                                         \
    int works_status = static_cast<int>(call);                                                 \
    if (works_status != 0) {                                                                   \
      std::fprintf(stderr, "%s:%d: %s: status %d\n", __FILE__, __LINE__, #call, works_status); \
      std::exit(1);                                                                            \
    }                                                                                          \
  } while (0)

// An array on the device with the contents of one on the host.
template <class T>
class Device {
 public:
  explicit Device(size_t size) : size_(size) { CHECK(cudaMalloc(&data_, size * sizeof(T))); }
  Device(const std::vector<T>& values) : Device(values.size()) {
    CHECK(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  Device(const Device&) = delete;
  ~Device() { cudaFree(data_); }
  operator T*() const { return data_; }
  T* get() const { return data_; }
  std::vector<T> read() const {
    std::vector<T> values(size_);
    CHECK(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t size_;
};

// Values between -1 and 1, the same at every run.
class Values {
 public:
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(static_cast<int64_t>(state_) >> 11) / 4503599627370496.0;
  }

 private:
  uint64_t state_ = 42;
};

// |found - expected| <= tolerance * (1 + |expected|), for real and complex numbers; NaN is never near.
template <class T, class U>
bool near(const T& found, const U& expected, double tolerance) {
  return std::abs(std::complex<double>(found) - std::complex<double>(expected)) <=
         tolerance * (1 + std::abs(std::complex<double>(expected)));
}
