// Several threads of the program, each with its own stream: none disturbs another, and errors stay with their thread.
#include <thread>
#include <vector>

#include "check.h"

__global__ void turn(unsigned* data, int n, unsigned seed) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] = data[i] * 1664525u + seed;
}

void work(unsigned seed, cudaStream_t given) {
  const int n = 10000, rounds = 25;
  std::vector<unsigned> data(n), expected(n);
  unsigned* x;
  cudaStream_t stream = given;
  if (!given) CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaMalloc(&x, n * sizeof(unsigned)));
  for (int i = 0; i < n; ++i) expected[i] = data[i] = seed + i;
  CHECK(cudaMemcpyAsync(x, data.data(), n * sizeof(unsigned), cudaMemcpyHostToDevice, stream));
  for (int round = 0; round < rounds; ++round) {
    turn<<<(n + 255) / 256, 256, 0, stream>>>(x, n, seed);
    for (auto& value : expected) value = value * 1664525u + seed;
  }
  if (seed % 2) EXPECT(cudaMemcpy(nullptr, x, 4, cudaMemcpyDeviceToHost) != cudaSuccess);
  CHECK(cudaMemcpyAsync(data.data(), x, n * sizeof(unsigned), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(data == expected);
  EXPECT((cudaGetLastError() != cudaSuccess) == (seed % 2 == 1));
  CHECK(cudaFree(x));
  if (!given) CHECK(cudaStreamDestroy(stream));
}

int main() {
  for (cudaStream_t given : {cudaStream_t{}, cudaStreamPerThread}) {
    std::vector<std::thread> threads;
    for (unsigned seed = 1; seed <= 6; ++seed) threads.emplace_back(work, seed * 3 + 1, given);
    for (auto& thread : threads) thread.join();
  }
  CHECK(cudaDeviceSynchronize());
  std::printf("host_threads: six, twice\n");
}
