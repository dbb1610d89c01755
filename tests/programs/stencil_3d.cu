// A seven-point stencil over a box, several steps, against the same arithmetic on the host.
#include <utility>
#include <vector>

#include "check.h"

constexpr int nx = 37, ny = 29, nz = 23, points = nx * ny * nz, steps = 6;

__host__ __device__ int at(int x, int y, int z) { return (z * ny + y) * nx + x; }

// Sums of integers in single precision are exact, whatever the compiler fuses.
__host__ __device__ float relaxed(const float* in, int x, int y, int z) {
  if (x == 0 || y == 0 || z == 0 || x == nx - 1 || y == ny - 1 || z == nz - 1) return in[at(x, y, z)];
  float around = in[at(x - 1, y, z)] + in[at(x + 1, y, z)] + in[at(x, y - 1, z)] + in[at(x, y + 1, z)] +
                 in[at(x, y, z - 1)] + in[at(x, y, z + 1)];
  return floorf((around + 2 * in[at(x, y, z)]) * 0.125f);
}

__global__ void step(const float* in, float* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  int z = blockIdx.z * blockDim.z + threadIdx.z;
  if (x < nx && y < ny && z < nz) out[at(x, y, z)] = relaxed(in, x, y, z);
}

int main() {
  std::vector<float> now(points), next(points), got(points);
  float *a, *b;
  for (int i = 0; i < points; ++i) now[i] = static_cast<float>(i * 71 % 1009);
  CHECK(cudaMalloc(&a, points * sizeof(float)));
  CHECK(cudaMalloc(&b, points * sizeof(float)));
  CHECK(cudaMemcpy(a, now.data(), points * sizeof(float), cudaMemcpyHostToDevice));
  dim3 block(8, 4, 4), grid((nx + 7) / 8, (ny + 3) / 4, (nz + 3) / 4);
  for (int i = 0; i < steps; ++i) {
    step<<<grid, block>>>(a, b);
    std::swap(a, b);
    for (int z = 0; z < nz; ++z)
      for (int y = 0; y < ny; ++y)
        for (int x = 0; x < nx; ++x) next[at(x, y, z)] = relaxed(now.data(), x, y, z);
    now.swap(next);
  }
  CHECK(cudaMemcpy(got.data(), a, points * sizeof(float), cudaMemcpyDeviceToHost));
  for (int i = 0; i < points; ++i) EXPECT(got[i] == now[i]);
  std::printf("stencil_3d: %d points, the middle is %g\n", points, now[at(nx / 2, ny / 2, nz / 2)]);
}
