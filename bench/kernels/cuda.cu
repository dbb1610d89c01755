// The kernels as an ordinary CUDA program, built by nvcc.
#include <cstdlib>
#include <map>

#include "bench/kernels/device.h"

#define KERNEL extern "C" __global__ void
#define DEVICE static __device__
#define GLOBAL
#define LOCAL __shared__
#define THREAD_0 threadIdx.x
#define THREAD_1 threadIdx.y
#define GROUP_0 blockIdx.x
#define GROUP_1 blockIdx.y
#define SIZE_0 blockDim.x
#define SIZE_1 blockDim.y
#define GROUPS_0 gridDim.x
#define THREAD(d) static_cast<int>(THREAD_##d)
#define GROUP(d) static_cast<int>(GROUP_##d)
#define SIZE(d) static_cast<int>(SIZE_##d)
#define GROUPS(d) static_cast<int>(GROUPS_##d)
#define BARRIER() __syncthreads()
#define ADD_LOCAL(p) atomicAdd(p, 1u)
#define ADD_GLOBAL(p, n) atomicAdd(p, n)
#define RSQRT rsqrtf
#define EXP expf
#define LOG logf
#define SQRT sqrtf
#define FABS fabsf
#include "bench/kernels/kernels.inc"

namespace {

__global__ void reduce_shuffle(const float* x, float* sums, int n) {
  __shared__ float part[8];
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
  for (int s = 16; s > 0; s >>= 1) sum += __shfl_down_sync(~0u, sum, s);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = threadIdx.x < 8 ? part[threadIdx.x] : 0;
  for (int s = 4; s > 0; s >>= 1) sum += __shfl_down_sync(~0u, sum, s);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void empty() {}

void require(cudaError_t result) {
  if (result == cudaSuccess) return;
  std::fprintf(stderr, "bench: %s\n", cudaGetErrorString(result));
  std::exit(1);
}

struct Gpu {
  template <class T>
  T* buffer(size_t count) {
    void* made;
    require(cudaMalloc(&made, count * sizeof(T)));
    return static_cast<T*>(made);
  }
  template <class T>
  T* upload(const std::vector<T>& values) {
    T* made = buffer<T>(values.size());
    require(cudaMemcpy(made, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return made;
  }
  template <class T>
  std::vector<T> download(T* from, size_t count) {
    std::vector<T> values(count);
    require(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
  template <class... A>
  void run(const std::string& name, bench::Extent groups, bench::Extent threads, A... arguments) {
    static const std::map<std::string, const void*> kernels = {
        {"saxpy", (void*)saxpy},           {"vadd", (void*)vadd},
        {"sgemm_16", (void*)sgemm_16},     {"sgemm_32", (void*)sgemm_32},
        {"reduce_shared", (void*)reduce_shared}, {"sgemm_blocked", (void*)sgemm_blocked},
        {"mandelbrot", (void*)mandelbrot}, {"collatz", (void*)collatz},
        {"histogram", (void*)histogram},   {"n_body", (void*)n_body},
        {"gather", (void*)gather},         {"black_scholes", (void*)black_scholes},
        {"stencil", (void*)stencil},       {"transpose", (void*)transpose}};
    void* list[] = {&arguments...};
    require(cudaLaunchKernel(kernels.at(name), dim3(groups.x, groups.y), dim3(threads.x, threads.y), list, 0, nullptr));
  }
  void wait() { require(cudaDeviceSynchronize()); }
  void shuffle(float* x, float* sums) {
    auto once = [&] {
      reduce_shuffle<<<1024, 256>>>(x, sums, bench::vector_size);
      wait();
    };
    once();
    bench::report("reduce_shuffle_16m", 4e-9 * bench::vector_size, bench::sum_of(download(sums, 1024)), once);
  }
  void launches() {
    constexpr int count = 1000;
    auto flood = [&] {
      for (int i = 0; i < count; ++i) empty<<<1, 32>>>();
      wait();
    };
    flood();
    bench::report("launches_per_us", 1e-6 * count, 0, flood);
    bench::report("launch_and_wait_per_us", 1e-6 * count, 0, [&] {
      for (int i = 0; i < count; ++i) {
        empty<<<1, 32>>>();
        wait();
      }
    });
  }
};

}  // namespace

int main(int count, char** arguments) {
  Gpu gpu;
  std::string only = count > 1 ? arguments[1] : "";
  if (only.empty() || only == "launches") gpu.launches();
  bench::run_all(gpu, only);
}
