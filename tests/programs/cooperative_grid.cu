// A cooperative launch: all blocks wait for each other, several times, within one kernel.
#include <cooperative_groups.h>

#include <vector>

#include "check.h"

namespace cg = cooperative_groups;

__global__ void relax(int* from, int* to, int n, int steps) {
  cg::grid_group grid = cg::this_grid();
  for (int step = 0; step < steps; ++step) {
    for (int i = static_cast<int>(grid.thread_rank()); i < n; i += static_cast<int>(grid.size()))
      to[i] = (from[(i + n - 1) % n] + 2 * from[i] + from[(i + 1) % n]) % 65537;
    grid.sync();
    int* other = from;
    from = to, to = other;
  }
}

int main() {
  int n = 5003, steps = 12, supported = 0, blocks = 0, processors = 0, *a, *b;
  CHECK(cudaDeviceGetAttribute(&supported, cudaDevAttrCooperativeLaunch, 0));
  EXPECT(supported == 1);
  CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, relax, 128, 0));
  std::vector<int> now(n), next(n), got(n);
  for (int i = 0; i < n; ++i) now[i] = i * 7 % 1009;
  CHECK(cudaMalloc(&a, n * sizeof(int)));
  CHECK(cudaMalloc(&b, n * sizeof(int)));
  CHECK(cudaMemcpy(a, now.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  void* arguments[] = {&a, &b, &n, &steps};
  int grid = blocks * processors < 24 ? blocks * processors : 24;
  CHECK(cudaLaunchCooperativeKernel(reinterpret_cast<void*>(relax), grid, 128, arguments, 0, nullptr));
  CHECK(cudaMemcpy(got.data(), a, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (int step = 0; step < steps; ++step) {
    for (int i = 0; i < n; ++i) next[i] = (now[(i + n - 1) % n] + 2 * now[i] + now[(i + 1) % n]) % 65537;
    now.swap(next);
  }
  EXPECT(got == now);
  // More blocks than fit at once could never meet.
  EXPECT(cudaLaunchCooperativeKernel(reinterpret_cast<void*>(relax), blocks * processors + 1, 128, arguments, 0,
                                     nullptr) == cudaErrorCooperativeLaunchTooLarge);
  std::printf("cooperative_grid: %d steps, %d\n", steps, got[n / 2]);
}
