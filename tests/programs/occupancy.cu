// What the occupancy calculator says of kernels, within the limits of the device and in the right order.
#include "check.h"

__global__ void plain(int* data) { data[blockIdx.x * blockDim.x + threadIdx.x] *= 2; }
__global__ void __launch_bounds__(128) bounded(int* data) { data[threadIdx.x] += 1; }
__global__ void shared(int* data) {
  __shared__ int room[4096];
  room[threadIdx.x] = data[threadIdx.x];
  __syncthreads();
  data[threadIdx.x] = room[blockDim.x - 1 - threadIdx.x];
}

int main() {
  cudaDeviceProp p;
  CHECK(cudaGetDeviceProperties(&p, 0));
  int blocks = 0, fewer = 0, least = 0, size = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, plain, 256, 0));
  EXPECT(blocks >= 1 && blocks * 256 <= p.maxThreadsPerMultiProcessor);
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&fewer, plain, 256, 32768));
  EXPECT(fewer >= 1 && fewer <= static_cast<int>(p.sharedMemPerMultiprocessor / 32768) && fewer < blocks);
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&fewer, shared, 64, 0));
  EXPECT(fewer >= 1 && fewer <= static_cast<int>(p.sharedMemPerMultiprocessor / 16384));
  CHECK(cudaOccupancyMaxPotentialBlockSize(&least, &size, plain, 0, 0));
  EXPECT(size % 32 == 0 && size >= 32 && size <= 1024 && least >= p.multiProcessorCount);
  CHECK(cudaOccupancyMaxPotentialBlockSize(&least, &size, plain, 0, 192));
  EXPECT(size <= 192);
  size_t room = 0;
  CHECK(cudaOccupancyAvailableDynamicSMemPerBlock(&room, plain, 1, 128));
  EXPECT(room >= 32768 && room <= p.sharedMemPerMultiprocessor);
  cudaFuncAttributes a;
  CHECK(cudaFuncGetAttributes(&a, shared));
  EXPECT(a.sharedSizeBytes == 16384 && a.maxThreadsPerBlock == 1024 && a.ptxVersion == 75 && a.numRegs > 0);
  CHECK(cudaFuncGetAttributes(&a, bounded));
  EXPECT(a.maxThreadsPerBlock == 128);
  bounded<<<1, 256>>>(nullptr);
  EXPECT(cudaGetLastError() != cudaSuccess);
  std::printf("occupancy: within the limits\n");
}
