// Boxes in and out of pitched memory: whole, in part, and between two allocations.
#include <cstring>
#include <vector>

#include "check.h"

constexpr size_t nx = 19, ny = 11, nz = 7;

__global__ void number(cudaPitchedPtr box, int times) {
  size_t x = threadIdx.x, y = threadIdx.y, z = blockIdx.x;
  auto* row = reinterpret_cast<int*>(static_cast<char*>(box.ptr) + (z * ny + y) * box.pitch);
  row[x] = static_cast<int>(row[x] * times + x + 100 * y + 10000 * z);
}

int main() {
  cudaExtent whole = make_cudaExtent(nx * sizeof(int), ny, nz);
  cudaPitchedPtr first, second;
  CHECK(cudaMalloc3D(&first, whole));
  CHECK(cudaMalloc3D(&second, whole));
  EXPECT(first.pitch >= nx * sizeof(int) && first.pitch % sizeof(int) == 0);
  std::vector<int> in(nx * ny * nz), out(nx * ny * nz, -1);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<int>(i % 9);
  cudaMemcpy3DParms copy = {};
  copy.srcPtr = make_cudaPitchedPtr(in.data(), nx * sizeof(int), nx, ny);
  copy.dstPtr = first;
  copy.extent = whole;
  copy.kind = cudaMemcpyHostToDevice;
  CHECK(cudaMemcpy3D(&copy));
  number<<<nz, dim3(nx, ny)>>>(first, 7);
  CHECK(cudaGetLastError());
  CHECK(cudaMemset3D(second, 0xff, whole));
  // A box within the box, to another place of the second allocation.
  copy = {};
  copy.srcPtr = first, copy.dstPtr = second;
  copy.srcPos = make_cudaPos(3 * sizeof(int), 2, 1);
  copy.dstPos = make_cudaPos(1 * sizeof(int), 4, 3);
  copy.extent = make_cudaExtent(10 * sizeof(int), 5, 4);
  copy.kind = cudaMemcpyDeviceToDevice;
  CHECK(cudaMemcpy3DAsync(&copy, nullptr));
  copy = {};
  copy.srcPtr = second;
  copy.dstPtr = make_cudaPitchedPtr(out.data(), nx * sizeof(int), nx, ny);
  copy.extent = whole;
  copy.kind = cudaMemcpyDeviceToHost;
  CHECK(cudaMemcpy3D(&copy));
  long long sum = 0;
  for (size_t z = 0; z < nz; ++z)
    for (size_t y = 0; y < ny; ++y)
      for (size_t x = 0; x < nx; ++x) {
        bool inside = x >= 1 && x < 11 && y >= 4 && y < 9 && z >= 3;
        size_t sx = x + 2, sy = y - 2, sz = z - 2;
        int expected = inside ? static_cast<int>(in[(sz * ny + sy) * nx + sx] * 7 + sx + 100 * sy + 10000 * sz) : -1;
        EXPECT(out[(z * ny + y) * nx + x] == expected);
        sum += expected;
      }
  copy.extent.width = first.pitch + 1;
  EXPECT(cudaMemcpy3D(&copy) == cudaErrorInvalidPitchValue);
  std::printf("copies_3d: %lld\n", sum);
}
