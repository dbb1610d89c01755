// A histogram that a cluster of blocks holds together: each block has a part of the bins in its shared memory, and all
// add to all parts. Shows cluster launches both ways, ranks, distributed shared memory and the cluster's barrier.
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#include <vector>
#include "check.h"

namespace cg = cooperative_groups;

constexpr int bins = 256, blocks_of_cluster = 4, threads = 128, values = 1 << 16;

__global__ void histogram(const unsigned char* input, int count, int* result) {
  extern __shared__ int part[];
  auto cluster = cg::this_cluster();
  int size = cluster.num_blocks(), own = bins / size;
  for (int i = threadIdx.x; i < own; i += blockDim.x) part[i] = 0;
  cluster.sync();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    int bin = input[i];
    int* there = cluster.map_shared_rank(part, bin / own);
    atomicAdd(there + bin % own, 1);
  }
  cluster.sync();
  int first = cluster.block_rank() * own;
  for (int i = threadIdx.x; i < own; i += blockDim.x) atomicAdd(result + first + i, part[i]);
}

// Every block reads its neighbour's rank through distributed shared memory and says what it knows of itself.
__global__ void __cluster_dims__(2, 2, 1) ranks(int* result) {
  __shared__ int mine;
  auto cluster = cg::this_cluster();
  if (threadIdx.x == 0) mine = 100 + cluster.block_rank();
  cluster.sync();
  int next = (cluster.block_rank() + 1) % cluster.num_blocks();
  int* there = cluster.map_shared_rank(&mine, next);
  int block = blockIdx.y * gridDim.x + blockIdx.x;
  if (threadIdx.x == 0) {
    int* out = result + 8 * block;
    out[0] = cluster.block_rank();
    out[1] = *there;
    out[2] = cluster.query_shared_rank(there);
    out[3] = cluster.block_index().x + 10 * cluster.block_index().y;
    out[4] = cluster.dim_blocks().x + 10 * cluster.dim_blocks().y;
    out[5] = cluster.num_threads();
    out[6] = cg::this_grid().cluster_rank();
    out[7] = cg::this_grid().num_clusters();
  }
  cluster.sync();
}

int main() {
  std::vector<unsigned char> input(values);
  std::vector<int> expected(bins, 0), got(bins, 0);
  unsigned state = 1;
  for (auto& value : input) {
    state = state * 1664525u + 1013904223u;
    value = state >> 24 & (state >> 16);
    ++expected[value];
  }
  unsigned char* device_input;
  int* device_result;
  CHECK(cudaMalloc(&device_input, values));
  CHECK(cudaMalloc(&device_result, 4096));
  CHECK(cudaMemcpy(device_input, input.data(), values, cudaMemcpyHostToDevice));
  CHECK(cudaMemset(device_result, 0, 4096));
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {blocks_of_cluster, 1, 1};
  config.gridDim = 2 * blocks_of_cluster;
  config.blockDim = threads;
  config.dynamicSmemBytes = bins / blocks_of_cluster * sizeof(int);
  config.attrs = &attribute;
  config.numAttrs = 1;
  int clusters = 0, largest = 0;
  CHECK(cudaOccupancyMaxActiveClusters(&clusters, histogram, &config));
  CHECK(cudaOccupancyMaxPotentialClusterSize(&largest, histogram, &config));
  EXPECT(clusters >= 2);
  EXPECT(largest == 8);
  CHECK(cudaLaunchKernelEx(&config, histogram, (const unsigned char*)device_input, values, device_result));
  CHECK(cudaMemcpy(got.data(), device_result, bins * sizeof(int), cudaMemcpyDeviceToHost));
  EXPECT(got == expected);

  config.gridDim = 7;  // no whole number of clusters
  EXPECT(cudaLaunchKernelEx(&config, histogram, (const unsigned char*)device_input, values, device_result) ==
         cudaErrorInvalidClusterSize);
  cudaGetLastError();

  ranks<<<dim3(4, 2), 64>>>(device_result);
  CHECK(cudaDeviceSynchronize());
  std::vector<int> facts(64);
  CHECK(cudaMemcpy(facts.data(), device_result, 256, cudaMemcpyDeviceToHost));
  for (int y = 0; y < 2; ++y)
    for (int x = 0; x < 4; ++x) {
      const int* out = facts.data() + 8 * (y * 4 + x);
      int rank = y * 2 + x % 2, next = (rank + 1) % 4;
      int wanted[8] = {rank, 100 + next, next, x % 2 + 10 * y, 22, 256, x / 2, 2};
      for (int i = 0; i < 8; ++i) EXPECT(out[i] == wanted[i]);
    }
  puts("ok");
}
