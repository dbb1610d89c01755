// What threads of different blocks agree on: a spin lock, the last block to finish, and a queue of work.
#include <vector>

#include "check.h"

struct Shared {
  int lock, counter, finished, next;
  long long guarded[4];  // changed together, under the lock
};
__device__ Shared shared;

__global__ void critical() {
  if (threadIdx.x == 0) {
    while (atomicCAS(&shared.lock, 0, 1) != 0) __nanosleep(100);
    __threadfence();
    for (auto& value : shared.guarded) value = value * 3 % 1000003 + 1;
    ++shared.counter;
    __threadfence();
    atomicExch(&shared.lock, 0);
  }
}

// The last block to arrive adds up what all blocks left (as in NVIDIA's threadFenceReduction).
__global__ void last_block(const int* data, int* parts, int* total) {
  __shared__ int sum, last;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  atomicAdd(&sum, data[blockIdx.x * blockDim.x + threadIdx.x]);
  __syncthreads();
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = sum;
    __threadfence();
    last = atomicAdd(&shared.finished, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0)
    for (int i = 0; i < gridDim.x; ++i) *total += const_cast<volatile int*>(parts)[i];
}

__global__ void from_queue(int* done, int jobs) {
  __shared__ int job;
  for (;;) {
    if (threadIdx.x == 0) job = atomicAdd(&shared.next, 1);
    __syncthreads();
    int mine = job;
    __syncthreads();
    if (mine >= jobs) return;
    atomicAdd(&done[mine], static_cast<int>(threadIdx.x) + mine);
  }
}

int main() {
  const int blocks = 60, threads = 96, jobs = 333;
  std::vector<int> data(blocks * threads), done(jobs);
  int *x, *parts, *total, *queue, sum = 0, expected = 0;
  Shared got;
  for (int i = 0; i < blocks * threads; ++i) expected += data[i] = i % 77 - 12;
  CHECK(cudaMalloc(&x, data.size() * sizeof(int)));
  CHECK(cudaMalloc(&parts, blocks * sizeof(int)));
  CHECK(cudaMalloc(&total, sizeof(int)));
  CHECK(cudaMalloc(&queue, jobs * sizeof(int)));
  CHECK(cudaMemset(total, 0, sizeof(int)));
  CHECK(cudaMemset(queue, 0, jobs * sizeof(int)));
  CHECK(cudaMemcpy(x, data.data(), data.size() * sizeof(int), cudaMemcpyHostToDevice));
  critical<<<500, 32>>>();
  last_block<<<blocks, threads>>>(x, parts, total);
  from_queue<<<20, 64>>>(queue, jobs);
  CHECK(cudaMemcpy(&sum, total, sizeof sum, cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(done.data(), queue, jobs * sizeof(int), cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpyFromSymbol(&got, shared, sizeof got));
  long long value = 0;
  for (int i = 0; i < 500; ++i) value = value * 3 % 1000003 + 1;
  EXPECT(got.counter == 500 && got.lock == 0);
  for (long long guarded : got.guarded) EXPECT(guarded == value);
  EXPECT(sum == expected);
  for (int i = 0; i < jobs; ++i) EXPECT(done[i] == 64 * 63 / 2 + 64 * i);
  std::printf("locks_between_blocks: %lld, %d\n", value, sum);
}
