// Tiles of a tensor by the copy engine (TMA): loads and stores in two dimensions with an odd edge, swizzled tiles,
// tiles of three dimensions with element strides, reductions, a multicast to a cluster, one-dimensional bulk copies,
// and a producer warp that feeds consumers through mbarriers.
#include <cuda.h>
#include <cuda_runtime.h>
#include <cuda/barrier>
#include <vector>
#include "check.h"

using Barrier = cuda::barrier<cuda::thread_scope_block>;
namespace cde = cuda::device::experimental;
#pragma nv_diag_suppress static_var_with_dynamic_init

constexpr int rows = 50, columns = 72, tile_rows = 16, tile_columns = 32, threads = 128;

// out = 2 * in, tile by tile; what lies outside reads as zero and is not written.
__global__ void doubled(const __grid_constant__ CUtensorMap in, const __grid_constant__ CUtensorMap out, int* zeros) {
  __shared__ alignas(128) int tile[tile_rows][tile_columns];
  __shared__ Barrier barrier;
  if (threadIdx.x == 0) {
    init(&barrier, blockDim.x);
    cde::fence_proxy_async_shared_cta();
  }
  __syncthreads();
  int x = blockIdx.x * tile_columns, y = blockIdx.y * tile_rows;
  Barrier::arrival_token token;
  if (threadIdx.x == 0) {
    cde::cp_async_bulk_tensor_2d_global_to_shared(&tile, &in, x, y, barrier);
    token = cuda::device::barrier_arrive_tx(barrier, 1, sizeof(tile));
  } else {
    token = barrier.arrive();
  }
  barrier.wait(std::move(token));
  for (int i = threadIdx.x; i < tile_rows * tile_columns; i += threads) {
    int row = i / tile_columns, column = i % tile_columns;
    if (y + row >= rows || x + column >= columns) {
      if (tile[row][column] == 0) atomicAdd(zeros, 1);
      tile[row][column] = -1;
    }
    tile[row][column] *= 2;
  }
  cde::fence_proxy_async_shared_cta();
  __syncthreads();
  if (threadIdx.x == 0) {
    cde::cp_async_bulk_tensor_2d_shared_to_global(&out, x, y, &tile);
    cde::cp_async_bulk_commit_group();
    cde::cp_async_bulk_wait_group_read<0>();
  }
  __syncthreads();
  if (threadIdx.x == 0) (&barrier)->~Barrier();
}

__device__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
__device__ void wait(unsigned barrier, unsigned parity) {
  asm volatile(
      "{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1; @!done bra again; }" ::"r"(
          barrier),
      "r"(parity)
      : "memory");
}

// One tile of 64 rows of 128 bytes, copied as it lies in shared memory: swizzled.
__global__ void swizzled(const __grid_constant__ CUtensorMap in, int* result) {
  extern __shared__ __align__(1024) int tile[];
  __shared__ __align__(8) unsigned long long barrier;
  unsigned place = shared_address(&barrier);
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1; fence.proxy.async;" ::"r"(place) : "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(place), "r"(64 * 128) : "memory");
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
        "[%4];" ::"r"(shared_address(tile)),
        "l"(&in), "r"(0), "r"(0), "r"(place)
        : "memory");
  }
  __syncthreads();
  wait(place, 0);
  for (int i = threadIdx.x; i < 64 * 32; i += blockDim.x) result[i] = tile[i];
}

// A box of 3 dimensions, every second column and third plane; its sum is added to the tensor that it came from.
__global__ void strided(const __grid_constant__ CUtensorMap in, const __grid_constant__ CUtensorMap sums, int* result) {
  __shared__ alignas(128) int tile[2 * 2 * 8];
  __shared__ alignas(8) unsigned long long barrier;
  unsigned place = shared_address(&barrier);
  if (threadIdx.x != 0) return;
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(place) : "memory");
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(place), "r"(128) : "memory");
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::
          "r"(shared_address(tile)),
      "l"(&in), "r"(-4), "r"(1), "r"(0), "r"(place)
      : "memory");
  wait(place, 0);
  for (int i = 0; i < 32; ++i) result[i] = tile[i];
  asm volatile("fence.proxy.async;" ::: "memory");
  asm volatile(
      "cp.reduce.async.bulk.tensor.3d.global.shared::cta.add.tile.bulk_group [%0, {%1, %2, %3}], [%4];" ::"l"(&sums),
      "r"(0), "r"(0), "r"(0), "r"(shared_address(tile))
      : "memory");
  asm volatile("cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;" ::: "memory");
}

// The first block of a cluster loads one tile for all four blocks.
__global__ void __cluster_dims__(4, 1, 1) multicast(const __grid_constant__ CUtensorMap in, int* result) {
  __shared__ alignas(128) int tile[8 * 32];
  __shared__ alignas(8) unsigned long long barrier;
  unsigned place = shared_address(&barrier);
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1; fence.mbarrier_init.release.cluster;" ::"r"(place) : "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(place), "r"(1024) : "memory");
  }
  asm volatile("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::: "memory");
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  if (rank == 0 && threadIdx.x == 0)
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, "
        "{%2, "
        "%3}], [%4], %5;" ::"r"(shared_address(tile)),
        "l"(&in), "r"(32), "r"(8), "r"(place), "h"((short)0xf)
        : "memory");
  wait(place, 0);
  for (int i = threadIdx.x; i < 256; i += blockDim.x) result[blockIdx.x * 256 + i] = tile[i];
  asm volatile("barrier.cluster.arrive; barrier.cluster.wait;" ::: "memory");
}

// One warp fetches chunk after chunk, the others add them up; two stages, each with a barrier for full and for empty.
__global__ void produced(const int* in, int chunks, unsigned long long* sum) {
  constexpr int stages = 2, chunk = 256;
  __shared__ alignas(128) int box[stages][chunk];
  __shared__ alignas(8) unsigned long long full[stages], empty[stages];
  if (threadIdx.x == 0)
    for (int s = 0; s < stages; ++s) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(full + s)) : "memory");
      asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(empty + s)), "r"(threads - 32)
                   : "memory");
    }
  __syncthreads();
  if (threadIdx.x < 32) {
    if (threadIdx.x == 0)
      for (int i = 0; i < chunks; ++i) {
        int stage = i % stages, turn = i / stages;
        wait(shared_address(empty + stage), (turn & 1) ^ 1);
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(full + stage)),
                     "r"(chunk * 4)
                     : "memory");
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                         shared_address(box[stage])),
                     "l"(in + i * chunk), "r"(chunk * 4), "r"(shared_address(full + stage))
                     : "memory");
      }
    return;
  }
  unsigned long long mine = 0;
  for (int i = 0; i < chunks; ++i) {
    int stage = i % stages, turn = i / stages;
    wait(shared_address(full + stage), turn & 1);
    for (int k = threadIdx.x - 32; k < chunk; k += threads - 32) mine += box[stage][k];
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(empty + stage)) : "memory");
  }
  atomicAdd(sum, mine);
}

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                            const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
Encode encode;

CUtensorMap describe(int* data, std::vector<cuuint64_t> sizes, std::vector<cuuint32_t> box, CUtensorMapSwizzle swizzle,
                     std::vector<cuuint32_t> steps) {
  CUtensorMap map{};
  std::vector<cuuint64_t> strides;
  cuuint64_t bytes = 4;
  for (auto size : sizes) strides.push_back(bytes *= size);
  CUresult result = encode(&map, CU_TENSOR_MAP_DATA_TYPE_INT32, sizes.size(), data, sizes.data(), strides.data(),
                           box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                           CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  EXPECT(result == CUDA_SUCCESS);
  return map;
}

template <class T>
std::vector<T> fetch(const void* from, size_t count) {
  std::vector<T> got(count);
  CHECK(cudaMemcpy(got.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost));
  return got;
}

int main() {
  cudaDriverEntryPointQueryResult found;
  void* entry = nullptr;
  CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found));
  EXPECT(found == cudaDriverEntryPointSuccess);
  encode = reinterpret_cast<Encode>(entry);
  constexpr int count = 64 * 256;
  std::vector<int> numbers(count);
  for (int i = 0; i < count; ++i) numbers[i] = i * 5 + 1;
  int *in, *out, *zeros;
  CHECK(cudaMalloc(&in, count * 4));
  CHECK(cudaMalloc(&out, count * 4));
  CHECK(cudaMalloc(&zeros, 8));
  CHECK(cudaMemcpy(in, numbers.data(), count * 4, cudaMemcpyHostToDevice));
  CHECK(cudaMemset(out, 0, count * 4));
  CHECK(cudaMemset(zeros, 0, 8));

  auto none = CU_TENSOR_MAP_SWIZZLE_NONE;
  auto flat = describe(in, {columns, rows}, {tile_columns, tile_rows}, none, {1, 1});
  auto flat_out = describe(out, {columns, rows}, {tile_columns, tile_rows}, none, {1, 1});
  doubled<<<dim3(3, 4), threads>>>(flat, flat_out, zeros);
  auto got = fetch<int>(out, count);
  for (int i = 0; i < count; ++i) EXPECT(got[i] == (i < rows * columns ? 2 * numbers[i] : 0));
  EXPECT(fetch<int>(zeros, 1)[0] == 3 * tile_columns * 4 * tile_rows - rows * columns);

  struct {
    CUtensorMapSwizzle mode;
    int mask;
  } modes[] = {
      {none, 0}, {CU_TENSOR_MAP_SWIZZLE_32B, 1}, {CU_TENSOR_MAP_SWIZZLE_64B, 3}, {CU_TENSOR_MAP_SWIZZLE_128B, 7}};
  for (auto [mode, mask] : modes) {
    int width = mode == CU_TENSOR_MAP_SWIZZLE_32B ? 8 : mode == CU_TENSOR_MAP_SWIZZLE_64B ? 16 : 32;
    auto map = describe(in, {32, 256}, {unsigned(width), unsigned(64 * 32 / width)}, mode, {1, 1});
    swizzled<<<1, 64, 64 * 128>>>(map, out);
    got = fetch<int>(out, 64 * 32);
    for (int i = 0; i < 64 * 32; ++i) {
      int byte = 4 * i, there = byte ^ ((byte >> 7 & mask) << 4);
      EXPECT(got[there / 4] == numbers[i / width * 32 + i % width]);
    }
  }

  auto cube = describe(in, {16, 8, 6}, {8, 4, 4}, none, {1, 2, 3});
  auto sums = describe(out, {8, 2, 2}, {8, 2, 2}, none, {1, 1, 1});
  std::vector<int> ones(32, 1000);
  CHECK(cudaMemcpy(out, ones.data(), 128, cudaMemcpyHostToDevice));
  strided<<<1, 32>>>(cube, sums, out + 64);
  got = fetch<int>(out, 128);
  for (int z = 0; z < 2; ++z)
    for (int y = 0; y < 2; ++y)
      for (int x = 0; x < 8; ++x) {
        int at = (z * 2 + y) * 8 + x, column = x - 4, row = 1 + 2 * y, plane = 3 * z;
        int wanted = column < 0 ? 0 : numbers[(plane * 8 + row) * 16 + column];
        EXPECT(got[64 + at] == wanted);
        EXPECT(got[at] == 1000 + wanted);
      }

  auto wide = describe(in, {128, 128}, {32, 8}, none, {1, 1});
  multicast<<<8, 64>>>(wide, out);
  got = fetch<int>(out, 8 * 256);
  for (int block = 0; block < 8; ++block)
    for (int i = 0; i < 256; ++i) EXPECT(got[block * 256 + i] == numbers[(8 + i / 32) * 128 + 32 + i % 32]);

  unsigned long long sum = 0, wanted = 0;
  CHECK(cudaMemset(zeros, 0, 8));
  produced<<<1, threads>>>(in, 40, reinterpret_cast<unsigned long long*>(zeros));
  sum = fetch<unsigned long long>(zeros, 1)[0];
  for (int i = 0; i < 40 * 256; ++i) wanted += numbers[i];
  EXPECT(sum == wanted);
  puts("ok");
}
