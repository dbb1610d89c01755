// cuRAND: every generator on the device gives what the same generator gives on the host; distributions have their
// moments; the device API continues where it was told to.
#include <curand.h>
#include <curand_kernel.h>

#include <algorithm>

#include "library.h"

constexpr int count = 6000;
constexpr unsigned long long seed = 1234;

struct Generator {
  curandGenerator_t handle;
  Generator(curandRngType_t type, bool on_host) {
    WORKS(on_host ? curandCreateGeneratorHost(&handle, type) : curandCreateGenerator(&handle, type));
    bool quasi = type >= CURAND_RNG_QUASI_DEFAULT;
    if (quasi) WORKS(curandSetQuasiRandomGeneratorDimensions(handle, 3));
    if (!quasi) WORKS(curandSetPseudoRandomGeneratorSeed(handle, seed));
  }
  ~Generator() { curandDestroyGenerator(handle); }
};

// `make(generator, output)` on the device and on the host: the same numbers, up to `tolerance`.
template <class T, class Make>
std::vector<T> both(curandRngType_t type, double tolerance, Make make) {
  Generator device(type, false), host(type, true);
  Device<T> output(count);
  std::vector<T> expected(count);
  WORKS(make(device.handle, output.get()));
  WORKS(make(host.handle, expected.data()));
  auto found = output.read();
  for (int i = 0; i < count; ++i) {
    if (near(static_cast<double>(found[i]), static_cast<double>(expected[i]), tolerance)) continue;
    std::fprintf(stderr, "generator %d: %g instead of %g at %d\n", type, static_cast<double>(found[i]),
                 static_cast<double>(expected[i]), i);
    std::exit(1);
  }
  return found;
}

void moments(const std::vector<double>& values, double mean, double variance) {
  double sum = 0, squares = 0;
  for (double x : values) sum += x, squares += (x - mean) * (x - mean);
  EXPECT(std::fabs(sum / values.size() - mean) < 5 * std::sqrt(variance / values.size()));
  EXPECT(std::fabs(squares / values.size() - variance) < 0.1 * variance);
}

template <class T>
std::vector<double> wide(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

void host_interface() {
  for (auto type :
       {CURAND_RNG_PSEUDO_XORWOW, CURAND_RNG_PSEUDO_MRG32K3A, CURAND_RNG_PSEUDO_MTGP32, CURAND_RNG_PSEUDO_MT19937,
        CURAND_RNG_PSEUDO_PHILOX4_32_10, CURAND_RNG_QUASI_SOBOL32, CURAND_RNG_QUASI_SCRAMBLED_SOBOL32}) {
    both<unsigned>(type, 0, [](auto generator, unsigned* to) { return curandGenerate(generator, to, count); });
    auto uniform = both<float>(type, 1e-6, [](auto g, float* to) { return curandGenerateUniform(g, to, count); });
    moments(wide(uniform), 0.5, 1.0 / 12);
  }
  auto normal = both<float>(CURAND_RNG_PSEUDO_XORWOW, 1e-4,
                            [](auto g, float* to) { return curandGenerateNormal(g, to, count, 3, 2); });
  moments(wide(normal), 3, 4);
  auto wide_normal = both<double>(CURAND_RNG_PSEUDO_PHILOX4_32_10, 1e-9,
                                  [](auto g, double* to) { return curandGenerateNormalDouble(g, to, count, -1, 0.5); });
  moments(wide_normal, -1, 0.25);
  auto poisson = both<unsigned>(CURAND_RNG_PSEUDO_MRG32K3A, 0,
                                [](auto g, unsigned* to) { return curandGeneratePoisson(g, to, count, 7); });
  moments(wide(poisson), 7, 7);
  both<unsigned long long>(CURAND_RNG_QUASI_SOBOL64, 0,
                           [](auto g, unsigned long long* to) { return curandGenerateLongLong(g, to, count); });
}

// --- the device interface

template <class State>
__global__ void sequences(unsigned* output, int each) {
  State state;
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  curand_init(seed, thread, 0, &state);
  for (int i = 0; i < each; ++i) output[thread * each + i] = curand(&state);
}

// The second half of thread 0's sequence, reached by an offset and by skipping.
template <class State>
__global__ void skipped(unsigned* output, int each) {
  State state;
  curand_init(seed, 3, threadIdx.x == 0 ? each / 2 : 0, &state);
  if (threadIdx.x == 1) skipahead(static_cast<unsigned long long>(each / 2), &state);
  for (int i = 0; i < each / 2; ++i) output[threadIdx.x * each / 2 + i] = curand(&state);
}

__global__ void normals(float* output, int each) {
  curandStatePhilox4_32_10_t state;
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  curand_init(seed, thread, 0, &state);
  for (int i = 0; i < each; i += 4) {
    float4 four = curand_normal4(&state);
    reinterpret_cast<float4*>(output + thread * each)[i / 4] = four;
  }
}

template <class State>
void device_interface() {
  const int threads = 64, each = 40;
  Device<unsigned> output(threads * each), half(each);
  sequences<State><<<2, threads / 2>>>(output, each);
  skipped<State><<<1, 2>>>(half, each);
  auto all = output.read(), part = half.read();
  for (int i = 0; i < each / 2; ++i) {
    EXPECT(part[i] == all[3 * each + each / 2 + i]);
    EXPECT(part[each / 2 + i] == part[i]);
  }
  std::vector<unsigned> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  EXPECT(std::unique(sorted.begin(), sorted.end()) - sorted.begin() >= threads * each - 2);  // all but chance repeats
  std::vector<double> scaled;
  for (unsigned x : all) scaled.push_back(x / 4294967296.0);
  moments(scaled, 0.5, 1.0 / 12);
}

// Philox4x32-10 as its authors define it (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
void philox(const uint32_t start[4], uint32_t key0, uint32_t key1, uint32_t out[4]) {
  uint32_t c[4] = {start[0], start[1], start[2], start[3]};
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    uint32_t next[4] = {uint32_t(b >> 32) ^ c[1] ^ key0, uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ key1, uint32_t(a)};
    std::copy(next, next + 4, c);
    key0 += 0x9E3779B9, key1 += 0xBB67AE85;
  }
  std::copy(c, c + 4, out);
}

void philox_by_definition() {
  const int threads = 8, each = 8;
  Device<unsigned> output(threads * each);
  sequences<curandStatePhilox4_32_10_t><<<1, threads>>>(output, each);
  auto found = output.read();
  for (uint32_t thread = 0; thread < threads; ++thread)
    for (uint32_t block = 0; block < each / 4; ++block) {
      uint32_t counter[4] = {block, 0, thread, 0}, expected[4];
      philox(counter, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), expected);
      for (int i = 0; i < 4; ++i) EXPECT(found[thread * each + block * 4 + i] == expected[i]);
    }
}

int main() {
  host_interface();
  device_interface<curandStateXORWOW_t>();
  device_interface<curandStateMRG32k3a_t>();
  device_interface<curandStatePhilox4_32_10_t>();
  philox_by_definition();
  Device<float> output(64 * 64);
  normals<<<2, 32>>>(output, 64);
  moments(wide(output.read()), 0, 1);
  std::printf("curand_generators: host and device interfaces agree with the host's generators\n");
}
