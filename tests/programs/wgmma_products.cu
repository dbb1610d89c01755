// wgmma of sm_90a: a warpgroup multiplies 64 x 64 by 64 x 64 from shared memory with the swizzle of 128 bytes, A from
// shared memory and from registers, two groups in flight, against a loop on the host.
#include <cuda_fp16.h>

#include <cstdint>
#include <vector>

#include "check.h"

constexpr int size = 64;  // of all matrices, each way: 128 bytes

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
__device__ uint64_t descriptor(const void* p) {  // swizzle of 128 bytes, 1024 bytes from eight rows to the next
  uint64_t at = (unsigned)__cvta_generic_to_shared(p);
  return at >> 4 | uint64_t{1} << 16 | uint64_t{64} << 32 | uint64_t{1} << 62;
}
__device__ void multiply(float (&d)[32], uint64_t a, uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,"
      "%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, 1, 1, 1, 0, 0;"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
        "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
        "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
        "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
      : "l"(a), "l"(b));
}
#endif

// Two products; behind each, one thread of the block overwrites A, as a pipeline would that reuses its memory.
__global__ void product(float* d, const __half* a, const __half* b) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  __shared__ __align__(1024) __half left[size * size], right[size * size];
  float sums[32] = {};
  for (int round = 0; round < 2; ++round) {
    for (int i = threadIdx.x; i < size * size; i += blockDim.x) {
      int row = i / size, column = i % size, at = row * size + ((column / 8) ^ (row % 8)) * 8 + column % 8;
      left[at] = a[round * size * size + i];
      right[at] = b[round * size * size + i];  // by columns
    }
    asm volatile("fence.proxy.async;");
    __syncthreads();
    asm volatile("wgmma.fence.sync.aligned;");
    for (int k = 0; k < 4; ++k) multiply(sums, descriptor(left + 16 * k), descriptor(right + 16 * k));
    asm volatile("wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;" ::: "memory");
    if (threadIdx.x == 0)
      for (int i = 0; i < size * size; ++i) left[i] = __float2half(77);
    __syncthreads();
  }
  int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
  for (int i = 0; i < 32; ++i) d[(row + i / 2 % 2 * 8) * size + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2] = sums[i];
#endif
}

int main() {
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  if (properties.major != 9) {
    std::printf("this device has no wgmma\n");
    return 0;
  }
  std::vector<int> a(2 * size * size), b(2 * size * size);
  unsigned seed = 3;
  for (std::vector<int>* list : {&a, &b})
    for (int& x : *list) x = int((seed = seed * 1664525 + 1013904223) >> 16) % 9 - 4;
  __half *left, *right;
  float* d;
  CHECK(cudaMallocManaged(&left, a.size() * sizeof(__half)));
  CHECK(cudaMallocManaged(&right, b.size() * sizeof(__half)));
  CHECK(cudaMallocManaged(&d, size * size * sizeof(float)));
  for (size_t i = 0; i < a.size(); ++i) left[i] = __float2half(a[i]), right[i] = __float2half(b[i]);
  product<<<1, 128>>>(d, left, right);
  CHECK(cudaGetLastError());
  CHECK(cudaDeviceSynchronize());
  for (int row = 0; row < size; ++row)
    for (int column = 0; column < size; ++column) {
      int sum = 0;
      for (int k = 0; k < 2 * size; ++k) {
        int half = k / size * size * size;
        sum += a[half + row * size + k % size] * b[half + column * size + k % size];
      }
      EXPECT(d[row * size + column] == sum);
    }
  std::printf("wgmma: right\n");
}
