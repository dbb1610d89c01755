// Host functions run in stream order and see what the copies before them brought.
#include "check.h"

__global__ void store(int* data) { *data = 42; }

int main() {
  int *data, *host, order = 0;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&data, 4));
  CHECK(cudaMallocHost(&host, 4));
  *host = 0;
  static int *seen_by_function = host, *seen_order = &order;
  store<<<1, 1, 0, stream>>>(data);
  CHECK(cudaMemcpyAsync(host, data, 4, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaLaunchHostFunc(stream, [](void* value) { *seen_order = *seen_by_function + int(long(value)); }, (void*)100L));
  CHECK(cudaStreamAddCallback(stream, [](cudaStream_t, cudaError_t error, void*) { *seen_order += error == cudaSuccess ? 1000 : 0; }, nullptr, 0));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(order == 1142);
  std::printf("callbacks: %d\n", order);
}
