// Managed memory with the advice that programs give about it: prefetching and hints change no result.
#include "check.h"

__managed__ int limit = 7;

__global__ void count_below(const int* data, int n, int* found) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && data[i] < limit) atomicAdd(found, 1);
}

int main() {
  const int n = 30000;
  int *data, *found, expected = 0;
  cudaMemLocation device = {cudaMemLocationTypeDevice, 0}, host = {cudaMemLocationTypeHost, 0};
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMallocManaged(&data, n * sizeof(int)));
  CHECK(cudaMallocManaged(&found, sizeof(int)));
  CHECK(cudaMemAdvise(data, n * sizeof(int), cudaMemAdviseSetReadMostly, device));
  CHECK(cudaMemAdvise(found, sizeof(int), cudaMemAdviseSetPreferredLocation, device));
  for (int round = 0; round < 3; ++round) {
    *found = expected = 0;
    limit = 7 + round * 10;
    for (int i = 0; i < n; ++i) expected += (data[i] = i * (round + 3) % 41) < limit;
    CHECK(cudaMemPrefetchAsync(data, n * sizeof(int), device, 0, stream));
    count_below<<<(n + 255) / 256, 256, 0, stream>>>(data, n, found);
    CHECK(cudaMemPrefetchAsync(found, sizeof(int), host, 0, stream));
    CHECK(cudaStreamSynchronize(stream));
    EXPECT(*found == expected);
  }
  EXPECT(cudaMemAdvise(data, n * sizeof(int), static_cast<cudaMemoryAdvise>(99), device) == cudaErrorInvalidValue);
  EXPECT(cudaMemPrefetchAsync(&expected, sizeof(int), device, 0, stream) == cudaErrorInvalidValue);
  std::printf("managed_hints: %d\n", *found);
}
