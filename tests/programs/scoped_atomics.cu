// cuda::atomic_ref in every scope and order: counters, a maximum, and a message passed from block to block.
#include <cuda/atomic>

#include "check.h"

constexpr unsigned blocks = 8, threads = 128;

struct Shared {
  unsigned block, device, system;
  int largest;
  unsigned long long wide;
  unsigned flag, message, seen;
};

__global__ void count(Shared* all) {
  __shared__ unsigned here;
  if (threadIdx.x == 0) here = 0;
  __syncthreads();
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  cuda::atomic_ref<unsigned, cuda::thread_scope_block> block(here);
  cuda::atomic_ref<unsigned, cuda::thread_scope_device> device(all->device);
  cuda::atomic_ref<unsigned, cuda::thread_scope_system> system(all->system);
  cuda::atomic_ref<int, cuda::thread_scope_device> largest(all->largest);
  cuda::atomic_ref<unsigned long long, cuda::thread_scope_system> wide(all->wide);
  block.fetch_add(1, cuda::memory_order_relaxed);
  device.fetch_add(2, cuda::memory_order_acq_rel);
  system.fetch_add(3);  // sequentially consistent
  largest.fetch_max(static_cast<int>(i) - 500, cuda::memory_order_release);
  unsigned long long old = wide.load(cuda::memory_order_acquire);
  while (!wide.compare_exchange_weak(old, old + (1ull << 33), cuda::memory_order_acq_rel)) {
  }
  __syncthreads();
  if (threadIdx.x == 0)
    cuda::atomic_ref<unsigned, cuda::thread_scope_device>(all->block).fetch_add(here, cuda::memory_order_relaxed);
}

__global__ void pass(Shared* all) {
  cuda::atomic_ref<unsigned, cuda::thread_scope_device> flag(all->flag);
  if (blockIdx.x == 1) {
    all->message = 4711;
    flag.store(1, cuda::memory_order_release);
  } else {
    while (!flag.load(cuda::memory_order_acquire)) __nanosleep(20);
    all->seen = all->message;
  }
}

int main() {
  Shared* device;
  CHECK(cudaMalloc(&device, sizeof(Shared)));
  CHECK(cudaMemset(device, 0, sizeof(Shared)));
  count<<<blocks, threads>>>(device);
  pass<<<2, 1>>>(device);
  Shared got;
  CHECK(cudaMemcpy(&got, device, sizeof got, cudaMemcpyDeviceToHost));
  constexpr unsigned all = blocks * threads;
  EXPECT(got.block == all && got.device == 2 * all && got.system == 3 * all);
  EXPECT(got.largest == static_cast<int>(all) - 1 - 500);
  EXPECT(got.wide == (1ull << 33) * all);
  EXPECT(got.seen == 4711);
  std::printf("%u threads counted in three scopes\n", all);
}
