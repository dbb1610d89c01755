// Barriers in shared memory and copies that they wait for, as libcu++ and cooperative groups write them: cuda::barrier
// with arrival tokens and dropped threads, cuda::memcpy_async, cuda::pipeline over two stages, cg::memcpy_async.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda_runtime.h>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <vector>
#include "check.h"

namespace cg = cooperative_groups;
#pragma nv_diag_suppress static_var_with_dynamic_init

constexpr int threads = 128, tiles = 6, count = threads * tiles;

// Each round a thread passes its value to its neighbour through shared memory; two waits per round.
__global__ void tokens(int* data) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int box[threads];
  if (threadIdx.x == 0) init(&barrier, blockDim.x);
  __syncthreads();
  int value = data[threadIdx.x];
  for (int round = 0; round < 5; ++round) {
    box[threadIdx.x] = value;
    auto token = barrier.arrive();
    barrier.wait(std::move(token));
    value = box[(threadIdx.x + 1) % threads] + 1;
    barrier.arrive_and_wait();
  }
  data[threadIdx.x] = value;
}

// Half of the threads leave the barrier for good; the others go on without them.
__global__ void leavers(int* data) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int sum;
  if (threadIdx.x == 0) {
    init(&barrier, blockDim.x);
    sum = 0;
  }
  __syncthreads();
  if (threadIdx.x % 2) {
    atomicAdd(&sum, 1);
    barrier.arrive_and_drop();
    return;
  }
  barrier.arrive_and_wait();
  int seen = *(volatile int*)&sum;
  barrier.arrive_and_wait();
  data[threadIdx.x] = seen;
}

__global__ void copies(const int* from, int* to) {
  __shared__ alignas(16) int box[threads];
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  auto block = cg::this_thread_block();
  if (block.thread_rank() == 0) init(&barrier, block.size());
  block.sync();
  for (int tile = 0; tile < tiles; ++tile) {
    cuda::memcpy_async(block, box, from + tile * threads, cuda::aligned_size_t<16>(sizeof box), barrier);
    barrier.arrive_and_wait();
    to[tile * threads + threadIdx.x] = box[threads - 1 - threadIdx.x];
    block.sync();
  }
}

__global__ void pipelined(const int* from, int* to) {
  constexpr int stages = 2;
  __shared__ alignas(16) int box[stages][threads];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  auto block = cg::this_thread_block();
  auto pipe = cuda::make_pipeline(block, &state);
  for (int next = 0, tile = 0; tile < tiles; ++tile) {
    for (; next < tiles && next < tile + stages; ++next) {
      pipe.producer_acquire();
      cuda::memcpy_async(block, box[next % stages], from + next * threads, sizeof box[0], pipe);
      pipe.producer_commit();
    }
    pipe.consumer_wait();
    to[tile * threads + threadIdx.x] = box[tile % stages][threads - 1 - threadIdx.x];
    pipe.consumer_release();
  }
}

// The first warp copies, the others use what it copied.
__global__ void specialised(const int* from, int* to) {
  constexpr int stages = 2, users = threads - 32;
  __shared__ alignas(16) int box[stages][threads];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  auto block = cg::this_thread_block();
  auto role = threadIdx.x < 32 ? cuda::pipeline_role::producer : cuda::pipeline_role::consumer;
  auto pipe = cuda::make_pipeline(block, &state, role);
  for (int tile = 0; tile < tiles; ++tile) {
    if (role == cuda::pipeline_role::producer) {
      pipe.producer_acquire();
      for (int i = threadIdx.x; i < threads; i += 32)
        cuda::memcpy_async(&box[tile % stages][i], from + tile * threads + i, sizeof(int), pipe);
      pipe.producer_commit();
    } else {
      pipe.consumer_wait();
      for (int i = threadIdx.x - 32; i < threads; i += users)
        to[tile * threads + i] = box[tile % stages][threads - 1 - i];
      pipe.consumer_release();
    }
  }
}

__global__ void groups(const int* from, int* to) {
  __shared__ alignas(16) int box[2][threads];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, box[0], from, sizeof box[0]);
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      cg::memcpy_async(block, box[(tile + 1) % 2], from + (tile + 1) * threads, sizeof box[0]);
      cg::wait_prior<1>(block);
    } else {
      cg::wait(block);
    }
    to[tile * threads + threadIdx.x] = box[tile % 2][threads - 1 - threadIdx.x];
    block.sync();
  }
}

int main() {
  std::vector<int> from(count), to(count), wanted(count);
  for (int i = 0; i < count; ++i) from[i] = i * 7 + 3;
  for (int i = 0; i < count; ++i) wanted[i] = from[i / threads * threads + threads - 1 - i % threads];
  int *device_from, *device_to;
  CHECK(cudaMalloc(&device_from, count * sizeof(int)));
  CHECK(cudaMalloc(&device_to, count * sizeof(int)));
  CHECK(cudaMemcpy(device_from, from.data(), count * sizeof(int), cudaMemcpyHostToDevice));
  for (auto kernel : {copies, pipelined, specialised, groups}) {
    CHECK(cudaMemset(device_to, 0, count * sizeof(int)));
    kernel<<<1, threads>>>(device_from, device_to);
    CHECK(cudaMemcpy(to.data(), device_to, count * sizeof(int), cudaMemcpyDeviceToHost));
    EXPECT(to == wanted);
  }
  tokens<<<1, threads>>>(device_from);
  CHECK(cudaMemcpy(to.data(), device_from, threads * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < threads; ++i) EXPECT(to[i] == from[(i + 5) % threads] + 5);
  leavers<<<1, threads>>>(device_to);
  CHECK(cudaMemcpy(to.data(), device_to, threads * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < threads; i += 2) EXPECT(to[i] == threads / 2);
  puts("ok");
}
