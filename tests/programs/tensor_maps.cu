// Tensor maps themselves: what encoding refuses, im2col columns, one and five dimensions, a fill with NaN, maps in
// device memory that a kernel changes, and a new address from the host.
#include <cuda.h>
#include <cuda_runtime.h>
#include <cmath>
#include <vector>
#include "check.h"

__device__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
__device__ void expect(unsigned barrier, int bytes) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barrier) : "memory");
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ void wait(unsigned barrier) {
  asm volatile(
      "{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], 0; @!done bra again; }" ::"r"(
          barrier)
      : "memory");
}

// 12 pixels of 4 channels from an image of 8 x 5 (NHWC), the filter's tap at (1, 2).
__global__ void column(const __grid_constant__ CUtensorMap map, float* out) {
  __shared__ alignas(128) float box[12 * 4];
  __shared__ alignas(8) unsigned long long barrier;
  if (threadIdx.x != 0) return;
  expect(shared_address(&barrier), sizeof box);
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, "
      "%5}], "
      "[%6], {%7, %8};" ::"r"(shared_address(box)),
      "l"(&map), "r"(0), "r"(3), "r"(2), "r"(0), "r"(shared_address(&barrier)), "h"((short)1), "h"((short)2)
      : "memory");
  wait(shared_address(&barrier));
  for (int i = 0; i < 48; ++i) out[i] = box[i];
}

__global__ void line(const __grid_constant__ CUtensorMap map, float* out) {
  __shared__ alignas(128) float box[16];
  __shared__ alignas(8) unsigned long long barrier;
  if (threadIdx.x != 0) return;
  expect(shared_address(&barrier), sizeof box);
  asm volatile(
      "cp.async.bulk.tensor.1d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2}], [%3];" ::"r"(
          shared_address(box)),
      "l"(&map), "r"(90), "r"(shared_address(&barrier))
      : "memory");
  wait(shared_address(&barrier));
  for (int i = 0; i < 16; ++i) out[i] = box[i];
}

__global__ void five(const __grid_constant__ CUtensorMap map, float* out) {
  __shared__ alignas(128) float box[64];
  __shared__ alignas(8) unsigned long long barrier;
  if (threadIdx.x != 0) return;
  expect(shared_address(&barrier), sizeof box);
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5, "
      "%6}], "
      "[%7];" ::"r"(shared_address(box)),
      "l"(&map), "r"(0), "r"(1), "r"(0), "r"(1), "r"(1), "r"(shared_address(&barrier))
      : "memory");
  wait(shared_address(&barrier));
  for (int i = 0; i < 64; ++i) out[i] = box[i];
}

// Changes a copy of the map in shared memory, publishes it in device memory and loads through it.
__global__ void replaced(const __grid_constant__ CUtensorMap map, CUtensorMap* made, const float* other, float* out) {
  __shared__ alignas(128) float box[16];
  __shared__ alignas(128) CUtensorMap copy;
  __shared__ alignas(8) unsigned long long barrier;
  if (threadIdx.x == 0) {
    copy = map;
    asm volatile("tensormap.replace.tile.global_address.shared::cta.b1024.b64 [%0], %1;" ::"r"(shared_address(&copy)),
                 "l"(other)
                 : "memory");
    asm volatile("tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [%0], 0, %1;" ::"r"(shared_address(&copy)),
                 "r"(98)
                 : "memory");
  }
  __syncwarp();
  asm volatile(
      "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%0], [%1], 128;" ::"l"(
          made),
      "r"(shared_address(&copy))
      : "memory");
  if (threadIdx.x != 0) return;
  asm volatile("fence.proxy.tensormap::generic.acquire.gpu [%0], 128;" ::"l"(made) : "memory");
  expect(shared_address(&barrier), sizeof box);
  asm volatile(
      "cp.async.bulk.tensor.1d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2}], [%3];" ::"r"(
          shared_address(box)),
      "l"(made), "r"(90), "r"(shared_address(&barrier))
      : "memory");
  wait(shared_address(&barrier));
  for (int i = 0; i < 16; ++i) out[i] = box[i];
}

template <class Entry>
Entry entry_point(const char* name) {
  cudaDriverEntryPointQueryResult found;
  void* entry = nullptr;
  CHECK(cudaGetDriverEntryPointByVersion(name, &entry, 12000, cudaEnableDefault, &found));
  EXPECT(found == cudaDriverEntryPointSuccess);
  return reinterpret_cast<Entry>(entry);
}

decltype(&cuTensorMapEncodeTiled) tiled;

CUresult encode(CUtensorMap& map, float* data, std::vector<cuuint64_t> sizes, std::vector<cuuint32_t> box,
                CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE,
                CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) {
  std::vector<cuuint64_t> strides{16};
  cuuint64_t bytes = 4;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (i == 0) strides.clear();
    strides.push_back(bytes *= sizes[i]);
  }
  std::vector<cuuint32_t> steps(sizes.size(), 1);
  return tiled(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, sizes.size(), data, sizes.data(), strides.data(), box.data(),
               steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_128B, fill);
}

int main() {
  tiled = entry_point<decltype(&cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  auto im2col = entry_point<decltype(&cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  auto replace = entry_point<decltype(&cuTensorMapReplaceAddress)>("cuTensorMapReplaceAddress");
  constexpr int count = 1024;
  std::vector<float> numbers(2 * count), got(64);
  for (int i = 0; i < 2 * count; ++i) numbers[i] = i + 0.5f;
  float *data, *out;
  CUtensorMap *made, map;
  CHECK(cudaMalloc(&data, 2 * count * sizeof(float)));
  CHECK(cudaMalloc(&out, 64 * sizeof(float)));
  CHECK(cudaMalloc(&made, sizeof(CUtensorMap)));
  CHECK(cudaMemcpy(data, numbers.data(), 2 * count * sizeof(float), cudaMemcpyHostToDevice));
  auto fetch = [&] { CHECK(cudaMemcpy(got.data(), out, 64 * sizeof(float), cudaMemcpyDeviceToHost)); };

  EXPECT(encode(map, data, {100}, {16}) == CUDA_SUCCESS);
  EXPECT(encode(map, data + 1, {100}, {16}) == CUDA_ERROR_INVALID_VALUE);                         // address
  EXPECT(encode(map, data, {100}, {257}) == CUDA_ERROR_INVALID_VALUE);                            // box
  EXPECT(encode(map, data, {100}, {3}) == CUDA_ERROR_INVALID_VALUE);                              // 12 bytes
  EXPECT(encode(map, data, {0}, {16}) == CUDA_ERROR_INVALID_VALUE);                               // size
  EXPECT(encode(map, data, {99, 9}, {16, 2}) == CUDA_ERROR_INVALID_VALUE);                        // stride
  EXPECT(encode(map, data, {100}, {16}, CU_TENSOR_MAP_SWIZZLE_32B) == CUDA_ERROR_INVALID_VALUE);  // too wide a row
  EXPECT(encode(map, data, {4, 1, 1, 1, 1, 1}, {4, 1, 1, 1, 1, 1}) == CUDA_ERROR_INVALID_VALUE);

  for (bool nan : {false, true}) {
    auto fill = nan ? CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA : CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
    EXPECT(encode(map, data, {100}, {16}, CU_TENSOR_MAP_SWIZZLE_NONE, fill) == CUDA_SUCCESS);
    line<<<1, 32>>>(map, out);
    fetch();
    for (int i = 0; i < 16; ++i) EXPECT(i < 10 ? got[i] == 90.5f + i : nan ? std::isnan(got[i]) : got[i] == 0);
  }
  EXPECT(replace(&map, data + count) == CUDA_SUCCESS);
  line<<<1, 32>>>(map, out);
  fetch();
  for (int i = 0; i < 10; ++i) EXPECT(got[i] == count + 90.5f + i);

  EXPECT(encode(map, data, {100}, {16}) == CUDA_SUCCESS);
  replaced<<<1, 32>>>(map, made, data + 512, out);
  fetch();
  for (int i = 0; i < 16; ++i) EXPECT(got[i] == (i < 8 ? 512 + 90.5f + i : 0));

  EXPECT(encode(map, data, {4, 3, 2, 4, 5}, {4, 2, 2, 2, 2}) == CUDA_SUCCESS);
  five<<<1, 32>>>(map, out);
  fetch();
  for (int i = 0; i < 64; ++i) {
    int a = i % 4, b = 1 + i / 4 % 2, c = i / 8 % 2, d = 1 + i / 16 % 2, e = 1 + i / 32;
    EXPECT(got[i] == (((e * 4 + d) * 2 + c) * 3 + b) * 4 + a + 0.5f);
  }

  // A filter of 3 x 3 without padding: base pixels run from 0 to size - 3, row by row, then on to the next image.
  cuuint64_t sizes[] = {4, 8, 5, 2}, strides[] = {16, 128, 640};
  cuuint32_t steps[] = {1, 1, 1, 1};
  int lower[] = {0, 0}, upper[] = {-2, -2};
  EXPECT(im2col(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 4, data, sizes, strides, lower, upper, 4, 12, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_NONE,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS);
  column<<<1, 32>>>(map, out);
  fetch();
  int x = 3, y = 2, image = 0;
  for (int pixel = 0; pixel < 12; ++pixel) {
    for (int channel = 0; channel < 4; ++channel)
      EXPECT(got[pixel * 4 + channel] == ((image * 5 + y + 2) * 8 + x + 1) * 4 + channel + 0.5f);
    if (++x > 5) x = 0, ++y;
    if (y > 2) y = 0, ++image;
  }
  puts("ok");
}
