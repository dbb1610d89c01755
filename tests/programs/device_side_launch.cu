// Kernels that launch kernels (dynamic parallelism) are refused by name before anything runs, and the device stays
// usable.
#include <cstring>

#include "check.h"
#include "said.h"

__global__ void child(int* sum) { atomicAdd(sum, 1); }
__global__ void parent(int* sum) { child<<<1, 32>>>(sum); }

int main() {
  int *sum, found = -1;
  CHECK(cudaMalloc(&sum, sizeof(int)));
  CHECK(cudaMemset(sum, 0, sizeof(int)));
  cudaError_t refusal;
  std::string said = said_during([&] {
    parent<<<1, 1>>>(sum);
    refusal = cudaGetLastError();
    if (refusal == cudaSuccess) refusal = cudaDeviceSynchronize();
  });
  EXPECT(refusal == cudaErrorNotSupported);
  EXPECT(said.find("dynamic parallelism") != said.npos && said.find("parent") != said.npos);
  CHECK(cudaMemcpy(&found, sum, sizeof(int), cudaMemcpyDeviceToHost));
  EXPECT(found == 0);
  std::printf("device_side_launch: refused, and said why\n");
}
