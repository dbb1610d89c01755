// Memory in the order of a stream: allocated, used and freed without waiting, from the default pool and one's own.
#include <vector>

#include "check.h"

__global__ void fill(int* data, int n, int start) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] = start + i;
}
__global__ void add(int* to, const int* from, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] += from[i];
}

int main() {
  const int n = 5000, blocks = (n + 255) / 256;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  int* sum;
  std::vector<int> got(n);
  CHECK(cudaMallocAsync(&sum, n * sizeof(int), stream));
  CHECK(cudaMemsetAsync(sum, 0, n * sizeof(int), stream));
  for (int round = 0; round < 20; ++round) {
    int* part;
    CHECK(cudaMallocAsync(&part, n * sizeof(int), stream));
    fill<<<blocks, 256, 0, stream>>>(part, n, round);
    add<<<blocks, 256, 0, stream>>>(sum, part, n);
    CHECK(cudaFreeAsync(part, stream));
  }
  CHECK(cudaMemcpyAsync(got.data(), sum, n * sizeof(int), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaFreeAsync(sum, stream));
  CHECK(cudaStreamSynchronize(stream));
  for (int i = 0; i < n; ++i) EXPECT(got[i] == 190 + 20 * i);
  cudaMemPool_t pool, standard;
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, 0};
  CHECK(cudaDeviceGetDefaultMemPool(&standard, 0));
  CHECK(cudaMemPoolCreate(&pool, &properties));
  EXPECT(pool != standard);
  unsigned long long keep = ~0ull, kept = 0;
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept));
  EXPECT(kept == keep);
  int* own;
  CHECK(cudaMallocFromPoolAsync(&own, n * sizeof(int), pool, stream));
  fill<<<blocks, 256, 0, stream>>>(own, n, 9);
  CHECK(cudaMemcpyAsync(got.data(), own, n * sizeof(int), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaFreeAsync(own, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(got[n - 1] == n + 8);
  CHECK(cudaMemPoolTrimTo(pool, 0));
  CHECK(cudaMemPoolDestroy(pool));
  std::printf("memory_pool: %d\n", got[n - 1]);
}
