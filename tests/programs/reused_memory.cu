// Memory that is freed and allocated again while work is queued: every kernel sees its own allocation's contents, what
// nobody holds faults, and what is free is free again.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.h"

__global__ void fill(unsigned* data, unsigned value, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) data[i] = value;
}
__global__ void count(const unsigned* data, unsigned value, int n, unsigned* right) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    if (data[i] == value) atomicAdd(right, 1u);
}
__global__ void touch(volatile unsigned* where) { *where = *where + 1; }

int main() {
  size_t free_before, free_now, total;
  CHECK(cudaMemGetInfo(&free_before, &total));
  cudaStream_t streams[3];
  for (auto& stream : streams) CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  unsigned* right;
  CHECK(cudaMalloc(&right, sizeof *right));
  CHECK(cudaMemset(right, 0, sizeof *right));
  CHECK(cudaDeviceSynchronize());

  // Each round's memory is the last round's, in another stream: freeing waits for what is queued.
  unsigned expected = 0;
  for (unsigned round = 0; round < 60; ++round) {
    const int n = 1000 + round % 7 * 5000;
    unsigned* data;
    CHECK(cudaMalloc(&data, n * sizeof *data));
    fill<<<4, 128, 0, streams[round % 3]>>>(data, round, n);
    count<<<4, 128, 0, streams[round % 3]>>>(data, round, n, right);
    CHECK(cudaFree(data));
    expected += n;
  }
  unsigned got = 0;
  CHECK(cudaMemcpy(&got, right, sizeof got, cudaMemcpyDeviceToHost));
  CHECK(cudaDeviceSynchronize());
  CHECK(cudaMemcpy(&got, right, sizeof got, cudaMemcpyDeviceToHost));
  EXPECT(got == expected);

  // Many at once, freed in another order, none over another.
  std::vector<unsigned*> blocks(700);
  for (size_t i = 0; i < blocks.size(); ++i) {
    CHECK(cudaMalloc(&blocks[i], 4 * (i + 1)));
    CHECK(cudaMemset(blocks[i], static_cast<int>(i % 251), 4 * (i + 1)));
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    unsigned last = 0;
    CHECK(cudaMemcpy(&last, blocks[i] + i, 4, cudaMemcpyDeviceToHost));
    EXPECT(last == i % 251 * 0x01010101u);
    EXPECT(reinterpret_cast<uintptr_t>(blocks[i]) % 256 == 0);
  }
  EXPECT(cudaMemcpy(&got, blocks[3] + 3, 8, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);  // over its end
  cudaGetLastError();
  std::reverse(blocks.begin() + 200, blocks.end());
  for (unsigned* block : blocks) CHECK(cudaFree(block));
  EXPECT(cudaFree(blocks[5]) == cudaErrorInvalidValue);  // twice
  cudaGetLastError();
  for (int i = 0; i < 1000; ++i) {  // used by nobody
    void* unused;
    CHECK(cudaMalloc(&unused, 4096));
    CHECK(cudaFree(unused));
  }
  CHECK(cudaFree(right));
  CHECK(cudaMemGetInfo(&free_now, &total));
  EXPECT(free_now == free_before);

  // All memory in one piece less than there is, then with other kinds of memory: nothing is kept back.
  void *most = nullptr, *rest = nullptr;
  size_t size = free_before / 4 * 3;
  CHECK(cudaMalloc(&most, size));
  CHECK(cudaFree(most));
  CHECK(cudaMallocAsync(&most, size, streams[0]));
  CHECK(cudaFreeAsync(most, streams[0]));
  CHECK(cudaStreamSynchronize(streams[0]));
  CHECK(cudaMalloc(&most, size));
  EXPECT(cudaMallocAsync(&rest, size, streams[0]) == cudaErrorMemoryAllocation);
  cudaGetLastError();
  EXPECT(cudaMalloc(&rest, size) == cudaErrorMemoryAllocation);
  cudaGetLastError();
  CHECK(cudaFree(most));
  CHECK(cudaMallocManaged(&most, size / 64));
  CHECK(cudaFree(most));

  // What was freed faults.
  unsigned* gone;
  CHECK(cudaMalloc(&gone, size_t{3} << 20));
  touch<<<1, 1>>>(gone);
  CHECK(cudaDeviceSynchronize());
  CHECK(cudaFree(gone));
  touch<<<1, 1>>>(gone);
  EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  EXPECT(cudaMalloc(&gone, 4) == cudaErrorIllegalAddress);
  std::printf("reused_memory: every kernel had its own\n");
}
