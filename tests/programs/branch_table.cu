// A switch with many cases, which nvcc may make a table of, with the lanes of a warp in different ones; and a loop
// with several ways out.
#include <vector>

#include "check.h"

__host__ __device__ unsigned step(unsigned value, const unsigned* data) {
  switch (value % 13) {
    case 0: return value / 2 + data[value % 7];
    case 1: return value * 3 + 1;
    case 2: return value ^ data[3];
    case 3: return data[data[value % 5] % 16] + value;
    case 4: return value - data[9];
    case 5: return (value << 3) | (value >> 29);
    case 6: return value * value;
    case 7: return data[value % 16] * 17;
    case 8: return ~value;
    case 9: return value % 1000 + data[1];
    case 10: return value & 0xf0f0f0f;
    case 11: return value | 0x1000;
    default: return value + 12345;
  }
}

// The virtual machine of a few instructions: as a program would be run.
__host__ __device__ unsigned run(unsigned value, const unsigned* data) {
  for (int turn = 0; turn < 60; ++turn) {
    value = step(value, data);
    if (value % 101 == 7) return value;
    if (value % 97 == 3) break;
    if (value % 89 == 5) {
      value += 11;
      continue;
    }
    value ^= static_cast<unsigned>(turn);
  }
  return value * 2 + 1;
}

__global__ void run_all(const unsigned* data, unsigned* out) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = run(i * 7919, data);
}

int main() {
  const int n = 1024;
  std::vector<unsigned> data(16), got(n);
  for (unsigned i = 0; i < 16; ++i) data[i] = i * i * 40503u + 17;
  unsigned *x, *out, sum = 0;
  CHECK(cudaMalloc(&x, 16 * sizeof(unsigned)));
  CHECK(cudaMalloc(&out, n * sizeof(unsigned)));
  CHECK(cudaMemcpy(x, data.data(), 16 * sizeof(unsigned), cudaMemcpyHostToDevice));
  run_all<<<n / 128, 128>>>(x, out);
  CHECK(cudaMemcpy(got.data(), out, n * sizeof(unsigned), cudaMemcpyDeviceToHost));
  for (unsigned i = 0; i < n; ++i) EXPECT(got[i] == run(i * 7919, data.data()));
  for (unsigned value : got) sum += value;
  std::printf("branch_table: %u\n", sum);
}
