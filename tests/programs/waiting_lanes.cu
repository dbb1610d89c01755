// Lanes of one warp that wait for each other, which they may since Volta: a lock that the lanes of a warp take in turn,
// a ticket lock, a flag that another lane sets behind the loop, an mbarrier that lane 0 waits at before the others
// arrive.
#include <cuda_runtime.h>
#include <cuda/barrier>
#include <vector>
#include "check.h"

#pragma nv_diag_suppress static_var_with_dynamic_init

__device__ int lock_word, counter, next_ticket, now_serving;

// The winner leaves the loop while the others stay in it; then all meet at a shuffle.
__global__ void spin_lock(int rounds, int* sums) {
  for (int round = 0; round < rounds; ++round) {
    while (atomicCAS(&lock_word, 0, 1) != 0) {
    }
    __threadfence();
    *(volatile int*)&counter = *(volatile int*)&counter + 1;
    __threadfence();
    atomicExch(&lock_word, 0);
  }
  int sum = threadIdx.x % 32;
  for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffff, sum, step);
  __syncthreads();
  sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

__global__ void ticket_lock(int* order) {
  int mine = atomicAdd(&next_ticket, 1);
  while (*(volatile int*)&now_serving != mine) {
  }
  order[mine] = blockIdx.x * blockDim.x + threadIdx.x;
  __threadfence();
  *(volatile int*)&now_serving = mine + 1;
}

// Each lane waits for the one above it; the last lane begins.
__global__ void chain(int* result) {
  __shared__ volatile int flags[33];
  int lane = threadIdx.x;
  flags[lane] = 0;
  if (lane == 0) flags[32] = 0;
  __syncwarp();
  if (lane == 31) flags[32] = 1;
  while (flags[lane + 1] == 0) __nanosleep(20);
  flags[lane] = flags[lane + 1] + 1;
  result[lane] = flags[lane];
}

__global__ void barrier_in_a_warp(int* result) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int box[32];
  if (threadIdx.x == 0) init(&barrier, 32);
  __syncwarp();
  if (threadIdx.x == 0) {
    auto token = barrier.arrive();
    barrier.wait(std::move(token));
    int sum = 0;
    for (int i = 1; i < 32; ++i) sum += *(volatile int*)&box[i];
    result[0] = sum;
  } else {
    box[threadIdx.x] = threadIdx.x;
    (void)barrier.arrive();
  }
}

int main() {
  constexpr int blocks = 3, threads = 64, rounds = 4, all = blocks * threads;
  int* device;
  CHECK(cudaMalloc(&device, all * sizeof(int)));
  std::vector<int> got(all);
  auto fetch = [&] { CHECK(cudaMemcpy(got.data(), device, all * sizeof(int), cudaMemcpyDeviceToHost)); };

  spin_lock<<<blocks, threads>>>(rounds, device);
  fetch();
  int count = 0;
  CHECK(cudaMemcpyFromSymbol(&count, counter, sizeof count));
  EXPECT(count == all * rounds);
  for (int sum : got) EXPECT(sum == 31 * 32 / 2);

  ticket_lock<<<blocks, threads>>>(device);
  fetch();
  std::vector<bool> seen(all, false);
  for (int thread : got) {
    EXPECT(thread >= 0 && thread < all && !seen[thread]);
    seen[thread] = true;
  }

  chain<<<1, 32>>>(device);
  fetch();
  for (int lane = 0; lane < 32; ++lane) EXPECT(got[lane] == 33 - lane);

  barrier_in_a_warp<<<1, 32>>>(device);
  fetch();
  EXPECT(got[0] == 31 * 32 / 2);
  puts("ok");
}
