// Work in two streams, ordered by an event; time runs forward.
#include "check.h"

__global__ void fill(int* data, int value, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] += value;
}

int main() {
  const int n = 10000;
  int *data, *host;
  cudaStream_t first, second;
  cudaEvent_t start, done;
  CHECK(cudaStreamCreate(&first));
  CHECK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&start));
  CHECK(cudaEventCreate(&done));
  CHECK(cudaMalloc(&data, n * sizeof(int)));
  CHECK(cudaMallocHost(&host, n * sizeof(int)));
  CHECK(cudaEventRecord(start, first));
  CHECK(cudaMemsetAsync(data, 0, n * sizeof(int), first));
  for (int i = 0; i < 50; ++i) fill<<<(n + 127) / 128, 128, 0, first>>>(data, 1, n);
  CHECK(cudaEventRecord(done, first));
  CHECK(cudaStreamWaitEvent(second, done, 0));
  fill<<<(n + 127) / 128, 128, 0, second>>>(data, 1000, n);
  CHECK(cudaMemcpyAsync(host, data, n * sizeof(int), cudaMemcpyDeviceToHost, second));
  CHECK(cudaStreamSynchronize(second));
  for (int i = 0; i < n; ++i) EXPECT(host[i] == 1050);
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, start, done));
  EXPECT(milliseconds >= 0);
  CHECK(cudaFreeHost(host));
  CHECK(cudaStreamDestroy(first));
  CHECK(cudaStreamDestroy(second));
  std::printf("streams_events: in order\n");
}
