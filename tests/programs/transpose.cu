// A transpose through a padded shared tile, with edges that fill no tile.
#include <vector>

#include "check.h"

__global__ void transpose(const int* in, int* out, int rows, int columns) {
  __shared__ int tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x;
  for (int y = blockIdx.y * 32 + threadIdx.y; y < min(rows, int(blockIdx.y + 1) * 32); y += blockDim.y)
    if (x < columns) tile[y % 32][threadIdx.x] = in[y * columns + x];
  __syncthreads();
  int row = blockIdx.y * 32 + threadIdx.x;
  for (int column = blockIdx.x * 32 + threadIdx.y; column < min(columns, int(blockIdx.x + 1) * 32); column += blockDim.y)
    if (row < rows) out[column * rows + row] = tile[threadIdx.x][column % 32];
}

int main() {
  const int rows = 77, columns = 130;
  std::vector<int> in(rows * columns), got(rows * columns);
  for (int i = 0; i < rows * columns; ++i) in[i] = i;
  int *x, *y;
  CHECK(cudaMalloc(&x, sizeof(int) * rows * columns));
  CHECK(cudaMalloc(&y, sizeof(int) * rows * columns));
  CHECK(cudaMemcpy(x, in.data(), sizeof(int) * rows * columns, cudaMemcpyHostToDevice));
  transpose<<<dim3((columns + 31) / 32, (rows + 31) / 32), dim3(32, 8)>>>(x, y, rows, columns);
  CHECK(cudaMemcpy(got.data(), y, sizeof(int) * rows * columns, cudaMemcpyDeviceToHost));
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) EXPECT(got[j * rows + i] == in[i * columns + j]);
  std::printf("transpose: %d x %d\n", rows, columns);
}
