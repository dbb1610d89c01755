// Constant memory: initialised, read at addresses that differ within a warp, and rewritten between launches.
#include <vector>

#include "check.h"

struct Weights {
  float at[9];
  short shift;
  double bias;
};
__constant__ Weights weights = {{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 0.5};
__constant__ unsigned char letters[] = "outboard";
__constant__ int whole[12000];

__global__ void apply(double* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = weights.at[i % 9] * (1 << weights.shift) + weights.bias + letters[i % 8] + whole[i * 5 % 12000];
}

int main() {
  const int n = 3000;
  std::vector<double> got(n);
  std::vector<int> filling(12000);
  double *out, sum = 0;
  size_t size = 0;
  Weights now = {{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 0.5};
  CHECK(cudaGetSymbolSize(&size, whole));
  EXPECT(size == 48000);
  CHECK(cudaMalloc(&out, n * sizeof(double)));
  for (int round = 0; round < 3; ++round) {
    apply<<<(n + 127) / 128, 128>>>(out, n);
    CHECK(cudaMemcpy(got.data(), out, n * sizeof(double), cudaMemcpyDeviceToHost));
    for (int i = 0; i < n; ++i) {
      EXPECT(got[i] == now.at[i % 9] * (1 << now.shift) + now.bias + "outboard"[i % 8] + filling[i * 5 % 12000]);
      sum += got[i];
    }
    now.at[round] = -3.25f, now.shift = static_cast<short>(round + 1), now.bias += round;
    for (int i = 0; i < 12000; ++i) filling[i] = i * (round + 2);
    CHECK(cudaMemcpyToSymbol(weights, &now, sizeof now));
    CHECK(cudaMemcpyToSymbol(whole, filling.data() + 100, 47600, 400));
    for (int i = 0; i < 100; ++i) filling[i] = 0;
  }
  std::printf("constant_memory: %.2f\n", sum);
}
