// A bitonic sort: the short distances in shared memory, the long ones a launch each.
#include <algorithm>
#include <vector>

#include "check.h"

constexpr int width = 512;

__device__ void order(unsigned& a, unsigned& b, bool up) {
  if ((a > b) != up) return;
  unsigned t = a;
  a = b, b = t;
}

__global__ void far(unsigned* data, int run, int distance) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, low = i / distance * 2 * distance + i % distance;
  order(data[low], data[low + distance], (low & run) == 0);
}

__global__ void near(unsigned* data, int from_run, int to_run) {
  __shared__ unsigned values[width];
  int start = blockIdx.x * width, i = threadIdx.x;
  values[i] = data[start + i];
  values[i + width / 2] = data[start + i + width / 2];
  for (int run = from_run; run <= to_run; run *= 2)
    for (int distance = min(run, width) / 2; distance; distance /= 2) {
      __syncthreads();
      int low = i / distance * 2 * distance + i % distance;
      order(values[low], values[low + distance], ((start + low) & run) == 0);
    }
  __syncthreads();
  data[start + i] = values[i];
  data[start + i + width / 2] = values[i + width / 2];
}

int main() {
  const int n = 1 << 14;
  std::vector<unsigned> data(n), got(n);
  unsigned state = 12345, *x;
  for (auto& value : data) value = state = state * 1664525u + 1013904223u;
  CHECK(cudaMalloc(&x, n * sizeof(unsigned)));
  CHECK(cudaMemcpy(x, data.data(), n * sizeof(unsigned), cudaMemcpyHostToDevice));
  near<<<n / width, width / 2>>>(x, 2, width);
  for (int run = 2 * width; run <= n; run *= 2) {
    for (int distance = run / 2; distance >= width; distance /= 2) far<<<n / 256 / 2, 256>>>(x, run, distance);
    near<<<n / width, width / 2>>>(x, run, run);
  }
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(got.data(), x, n * sizeof(unsigned), cudaMemcpyDeviceToHost));
  std::sort(data.begin(), data.end());
  EXPECT(got == data);
  std::printf("bitonic_sort: %d values from %u to %u\n", n, got.front(), got.back());
}
