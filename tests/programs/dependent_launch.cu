// A kernel that may begin before the one before it has ended (programmatic dependent launch), and clusters of sixteen
// blocks, which a kernel has to ask for.
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#include <vector>
#include "check.h"

namespace cg = cooperative_groups;
constexpr int count = 4096, threads = 128;

__global__ void first(int* data) {
  cudaTriggerProgrammaticLaunchCompletion();
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  data[i] = i * 3;
}

__global__ void second(const int* data, int* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  cudaGridDependencySynchronize();
  out[i] = data[count - 1 - i] + 1;
}

__global__ void ring(int* out) {
  __shared__ int box;
  auto cluster = cg::this_cluster();
  unsigned rank = cluster.block_rank(), size = cluster.num_blocks();
  if (threadIdx.x == 0) *cluster.map_shared_rank(&box, (rank + 1) % size) = rank;
  cluster.barrier_arrive();
  cluster.barrier_wait();
  if (threadIdx.x == 0) out[blockIdx.x] = box + 100 * size;
}

int main() {
  int *data, *out;
  CHECK(cudaMalloc(&data, count * sizeof(int)));
  CHECK(cudaMalloc(&out, count * sizeof(int)));
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  std::vector<int> got(count);
  cudaLaunchAttribute attribute{};
  cudaLaunchConfig_t config{};
  config.gridDim = count / threads;
  config.blockDim = threads;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  for (int round = 0; round < 4; ++round) {
    CHECK(cudaMemsetAsync(data, 0, count * sizeof(int), stream));
    first<<<count / threads, threads, 0, stream>>>(data);
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    CHECK(cudaLaunchKernelEx(&config, second, (const int*)data, out));
    CHECK(cudaMemcpyAsync(got.data(), out, count * sizeof(int), cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
    for (int i = 0; i < count; ++i) EXPECT(got[i] == (count - 1 - i) * 3 + 1);
  }

  config.gridDim = 32;
  config.blockDim = 64;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {16, 1, 1};
  EXPECT(cudaLaunchKernelEx(&config, ring, out) == cudaErrorInvalidClusterSize);
  cudaGetLastError();
  CHECK(cudaFuncSetAttribute(ring, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  CHECK(cudaLaunchKernelEx(&config, ring, out));
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaMemcpy(got.data(), out, 32 * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < 32; ++i) EXPECT(got[i] == 1600 + (i + 15) % 16);
  puts("ok");
}
