// mma and ldmatrix as libraries write them: a block of four warps multiplies tiles that cp.async brought to shared
// memory, in half precision and in bytes, against a loop on the host.
#include <cuda_fp16.h>

#include <cstdint>
#include <vector>

#include "check.h"

constexpr int height = 128, width = 64, depth_bytes = 256, tile_bytes = 64;  // of k

__device__ unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }

struct Halves {
  using In = __half;
  using Sum = float;
  static __device__ void add(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
  }
};
struct Bytes {
  using In = int8_t;
  using Sum = int;
  static __device__ void add(int (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
  }
};

__device__ void bring(void* to, const void* from) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from));
#endif
}

// Rows of A and columns of B have 256 bytes; a warp computes 32 rows.
template <class Kind>
__global__ void product(typename Kind::Sum* d, const uint8_t* a, const uint8_t* b) {
  __shared__ __align__(16) uint8_t left[height][tile_bytes + 16], right[width][tile_bytes + 16];
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  typename Kind::Sum sums[2][width / 8][4] = {};
  for (int at = 0; at < depth_bytes; at += tile_bytes) {
    for (int i = threadIdx.x; i < height * 4; i += blockDim.x)
      bring(&left[i / 4][i % 4 * 16], a + i / 4 * depth_bytes + at + i % 4 * 16);
    for (int i = threadIdx.x; i < width * 4; i += blockDim.x)
      bring(&right[i / 4][i % 4 * 16], b + i / 4 * depth_bytes + at + i % 4 * 16);
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group; cp.async.wait_group 0;");
#endif
    __syncthreads();
    for (int k = 0; k < tile_bytes; k += 32)
      for (int half = 0; half < 2; ++half) {
        unsigned f[4];
        unsigned from = shared_address(&left[warp * 32 + half * 16 + lane % 16][k + lane / 16 * 16]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(f[0]), "=r"(f[1]), "=r"(f[2]), "=r"(f[3])
                     : "r"(from));
        for (int column = 0; column < width / 8; ++column) {
          unsigned g[2], there = shared_address(&right[column * 8 + lane % 8][k + lane / 8 % 2 * 16]);
          asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(g[0]), "=r"(g[1]) : "r"(there));
          Kind::add(sums[half][column], f, g[0], g[1]);
        }
      }
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half)
    for (int column = 0; column < width / 8; ++column)
      for (int i = 0; i < 4; ++i) {
        int row = warp * 32 + half * 16 + lane / 4 + i / 2 * 8;
        d[row * width + column * 8 + lane % 4 * 2 + i % 2] = sums[half][column][i];
      }
}

__half made(int value, __half*) { return __float2half(value); }
int8_t made(int value, int8_t*) { return int8_t(value); }

template <class Kind>
void check(const char* name, int range) {
  using In = typename Kind::In;
  constexpr int depth = depth_bytes / sizeof(In);
  std::vector<int> a(height * depth), b(width * depth);
  unsigned seed = 7;
  for (std::vector<int>* list : {&a, &b})
    for (int& x : *list) x = int((seed = seed * 1664525 + 1013904223) >> 16) % range - range / 2;
  In *left, *right;
  typename Kind::Sum* d;
  CHECK(cudaMallocManaged(&left, a.size() * sizeof(In)));
  CHECK(cudaMallocManaged(&right, b.size() * sizeof(In)));
  CHECK(cudaMallocManaged(&d, height * width * sizeof(*d)));
  for (size_t i = 0; i < a.size(); ++i) left[i] = made(a[i], (In*)nullptr);
  for (size_t i = 0; i < b.size(); ++i) right[i] = made(b[i], (In*)nullptr);
  product<Kind><<<1, 128>>>(d, (const uint8_t*)left, (const uint8_t*)right);
  CHECK(cudaGetLastError());
  CHECK(cudaDeviceSynchronize());
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      int sum = 0;
      for (int k = 0; k < depth; ++k) sum += a[row * depth + k] * b[column * depth + k];
      EXPECT(d[row * width + column] == sum);
    }
  CHECK(cudaFree(left));
  CHECK(cudaFree(right));
  CHECK(cudaFree(d));
  std::printf("%s: right\n", name);
}

int main() {
  check<Halves>("half to float", 9);
  check<Bytes>("bytes", 255);
}
