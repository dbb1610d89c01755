// Two devices: their names and memory are their own, copies between them, and a kernel that reads the other's memory.
#include <cstring>

#include "check.h"

__global__ void add(const int* mine, const int* other, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = mine[i] + 2 * other[i];
}

__global__ void fill(int* out, int first, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = first + i;
}

int main() {
  constexpr int n = 10000;
  int count = 0;
  CHECK(cudaGetDeviceCount(&count));
  std::printf("%d devices\n", count);
  EXPECT(count == 2);
  cudaDeviceProp properties[2];
  for (int i = 0; i < 2; ++i) CHECK(cudaGetDeviceProperties(&properties[i], i));
  EXPECT(std::memcmp(&properties[0].uuid, &properties[1].uuid, sizeof properties[0].uuid) != 0);
  EXPECT(properties[0].pciBusID != properties[1].pciBusID);

  int* data[2];
  size_t free[2], total, after;
  for (int i = 0; i < 2; ++i) {
    CHECK(cudaSetDevice(i));
    CHECK(cudaMemGetInfo(&free[i], &total));
    EXPECT(total == properties[i].totalGlobalMem);
    CHECK(cudaMalloc(&data[i], n * sizeof(int)));
    fill<<<(n + 255) / 256, 256>>>(data[i], 1000 * i, n);
    CHECK(cudaDeviceSynchronize());
  }
  CHECK(cudaSetDevice(0));
  void* large = nullptr;
  CHECK(cudaMalloc(&large, 64 << 20));
  CHECK(cudaMemGetInfo(&after, &total));
  EXPECT(free[0] - after >= (64 << 20));
  CHECK(cudaSetDevice(1));
  CHECK(cudaMemGetInfo(&after, &total));
  EXPECT(free[1] - after < (64 << 20));  // the other device's memory is untouched
  cudaPointerAttributes attributes;
  CHECK(cudaPointerGetAttributes(&attributes, data[1]));
  EXPECT(attributes.device == 1 && attributes.type == cudaMemoryTypeDevice);

  CHECK(cudaSetDevice(0));
  int can = 0, with_itself = 1, rank = -1;
  CHECK(cudaDeviceCanAccessPeer(&can, 0, 1));
  CHECK(cudaDeviceCanAccessPeer(&with_itself, 0, 0));
  CHECK(cudaDeviceGetP2PAttribute(&rank, cudaDevP2PAttrPerformanceRank, 0, 1));
  EXPECT(can == 1 && with_itself == 0 && rank == 0);
  CHECK(cudaDeviceEnablePeerAccess(1, 0));
  EXPECT(cudaDeviceEnablePeerAccess(1, 0) == cudaErrorPeerAccessAlreadyEnabled);
  EXPECT(cudaGetLastError() == cudaErrorPeerAccessAlreadyEnabled);
  int* out = nullptr;
  CHECK(cudaMalloc(&out, n * sizeof(int)));
  add<<<(n + 255) / 256, 256>>>(data[0], data[1], out, n);
  static int host[n];
  CHECK(cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == i + 2 * (1000 + i));

  CHECK(cudaMemcpyPeer(data[0], 0, data[1], 1, n * sizeof(int)));
  CHECK(cudaMemcpy(host, data[0], sizeof host, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == 1000 + i);
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMemcpyPeerAsync(data[1], 1, out, 0, n * sizeof(int), stream));
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaMemcpy(host, data[1], sizeof host, cudaMemcpyDefault));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == i + 2 * (1000 + i));

  CHECK(cudaDeviceDisablePeerAccess(1));
  EXPECT(cudaDeviceDisablePeerAccess(1) == cudaErrorPeerAccessNotEnabled);
  EXPECT(cudaGetLastError() == cudaErrorPeerAccessNotEnabled);

  // An event of one device makes a stream of the other wait.
  cudaEvent_t event;
  CHECK(cudaEventCreate(&event));
  fill<<<(n + 255) / 256, 256, 0, stream>>>(data[0], 7, n);
  CHECK(cudaEventRecord(event, stream));
  CHECK(cudaSetDevice(1));
  cudaStream_t other;
  CHECK(cudaStreamCreate(&other));
  CHECK(cudaStreamWaitEvent(other, event, 0));
  CHECK(cudaMemcpyAsync(data[1], data[0], n * sizeof(int), cudaMemcpyDefault, other));
  CHECK(cudaStreamSynchronize(other));
  CHECK(cudaMemcpy(host, data[1], sizeof host, cudaMemcpyDefault));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == 7 + i);
  std::printf("ok\n");
}
