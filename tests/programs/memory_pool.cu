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

unsigned long long figure(cudaMemPool_t pool, cudaMemPoolAttr which) {
  unsigned long long value = 0;
  CHECK(cudaMemPoolGetAttribute(pool, which, &value));
  return value;
}

// What is freed stays reserved until the next wait, and beyond that up to the release threshold.
void figures_are_as_documented(cudaMemPool_t pool, cudaStream_t stream) {
  const unsigned long long mebibyte = 1 << 20;
  unsigned long long zero = 0, threshold = 6 * mebibyte;
  EXPECT(figure(pool, cudaMemPoolAttrUsedMemCurrent) == 0);
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &zero));
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  char *four, *eight;
  CHECK(cudaMallocFromPoolAsync((void**)&four, 4 * mebibyte, pool, stream));
  CHECK(cudaMallocFromPoolAsync((void**)&eight, 8 * mebibyte, pool, stream));
  EXPECT(figure(pool, cudaMemPoolAttrUsedMemCurrent) == 12 * mebibyte);
  EXPECT(figure(pool, cudaMemPoolAttrReservedMemCurrent) >= 12 * mebibyte);
  CHECK(cudaFreeAsync(eight, stream));
  EXPECT(figure(pool, cudaMemPoolAttrUsedMemCurrent) == 4 * mebibyte);
  EXPECT(figure(pool, cudaMemPoolAttrReservedMemCurrent) >= 12 * mebibyte);
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(figure(pool, cudaMemPoolAttrReservedMemCurrent) < 12 * mebibyte);
  CHECK(cudaFreeAsync(four, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(figure(pool, cudaMemPoolAttrReservedMemCurrent) <= threshold);
  EXPECT(figure(pool, cudaMemPoolAttrUsedMemHigh) == 12 * mebibyte);
  CHECK(cudaMemPoolTrimTo(pool, 0));
  EXPECT(figure(pool, cudaMemPoolAttrReservedMemCurrent) == 0);
}

// Memory freed in a stream that is busy must not come up in another one.
void streams_keep_their_memory_apart(cudaStream_t stream) {
  const int n = 1 << 16, blocks = n / 256;
  cudaStream_t other;
  CHECK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  std::vector<int> got(n);
  int wrong = 0;
  for (int round = 0; round < 50; ++round) {
    int *one, *two, *sum;
    CHECK(cudaMallocAsync(&sum, n * sizeof(int), stream));
    CHECK(cudaMemsetAsync(sum, 0, n * sizeof(int), stream));
    for (int turn = 0; turn < 5; ++turn) {
      CHECK(cudaMallocAsync(&one, n * sizeof(int), stream));
      fill<<<blocks, 256, 0, stream>>>(one, n, round);
      add<<<blocks, 256, 0, stream>>>(sum, one, n);
      CHECK(cudaFreeAsync(one, stream));
      CHECK(cudaMallocAsync(&two, n * sizeof(int), other));
      fill<<<blocks, 256, 0, other>>>(two, n, -1000);
      CHECK(cudaFreeAsync(two, other));
    }
    CHECK(cudaMemcpyAsync(got.data(), sum, n * sizeof(int), cudaMemcpyDeviceToHost, stream));
    CHECK(cudaFreeAsync(sum, stream));
    CHECK(cudaStreamSynchronize(stream));
    for (int i = 0; i < n; ++i) wrong += got[i] != 5 * (round + i);
  }
  EXPECT(wrong == 0);
  CHECK(cudaStreamSynchronize(other));
  CHECK(cudaStreamDestroy(other));
}

// Sizes of all kinds, in an order without a system: each piece keeps what was written to it until it is freed.
void pieces_are_reused(cudaStream_t stream) {
  const int count = 32;
  int *pieces[count] = {}, sizes[count] = {}, marks[count] = {};
  unsigned random = 1;
  int wrong = 0;
  for (int step = 0; step < 600; ++step) {
    random = random * 1664525 + 1013904223;
    const int at = random >> 27;
    if (pieces[at]) {
      int first = 0, last = 0;
      CHECK(cudaMemcpyAsync(&first, pieces[at], sizeof first, cudaMemcpyDeviceToHost, stream));
      CHECK(cudaMemcpyAsync(&last, pieces[at] + sizes[at] - 1, sizeof last, cudaMemcpyDeviceToHost, stream));
      CHECK(cudaStreamSynchronize(stream));
      wrong += first != marks[at] || last != marks[at] + sizes[at] - 1;
      CHECK(cudaFreeAsync(pieces[at], stream));
      pieces[at] = nullptr;
      continue;
    }
    sizes[at] = 1 + (random >> 8) % 20000;
    marks[at] = step;
    CHECK(cudaMallocAsync(&pieces[at], sizes[at] * sizeof(int), stream));
    fill<<<(sizes[at] + 255) / 256, 256, 0, stream>>>(pieces[at], sizes[at], step);
  }
  for (int* piece : pieces)
    if (piece) CHECK(cudaFree(piece));
  EXPECT(wrong == 0);
}

// Memory that a stream has freed serves the others when there is no more: nothing is out of memory that is free.
void memory_is_found_again(cudaStream_t stream) {
  size_t free = 0, total = 0;
  CHECK(cudaDeviceSynchronize());
  CHECK(cudaMemGetInfo(&free, &total));
  const size_t half = free / 10 * 6;
  char *piece, *plain;
  for (int round = 0; round < 3; ++round) {
    CHECK(cudaMallocAsync((void**)&piece, half + round * 4096, stream));
    CHECK(cudaMemsetAsync(piece, 1, 4096, stream));
    CHECK(cudaFreeAsync(piece, stream));
  }
  CHECK(cudaMalloc((void**)&plain, half));
  CHECK(cudaFree(plain));
  EXPECT(cudaMallocAsync((void**)&piece, total * 2, stream) == cudaErrorMemoryAllocation);
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation);
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
  figures_are_as_documented(pool, stream);
  streams_keep_their_memory_apart(stream);
  pieces_are_reused(stream);
  memory_is_found_again(stream);
  CHECK(cudaMemPoolDestroy(pool));
  std::printf("memory_pool: %d\n", got[n - 1]);
}
