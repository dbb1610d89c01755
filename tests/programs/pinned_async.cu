// Page-locked memory: allocated and registered, copied in the background, and used by kernels in place.
#include <cstdlib>
#include <vector>

#include "check.h"

__global__ void scale(const float* in, float* out, int n, float factor) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i] * factor;
}

int main() {
  const int n = 1 << 16, pieces = 4, piece = n / pieces;
  float *in, *out, *a, *b, *seen;
  CHECK(cudaMallocHost(&in, n * sizeof(float)));
  CHECK(cudaHostAlloc(&out, n * sizeof(float), cudaHostAllocPortable | cudaHostAllocMapped));
  CHECK(cudaMalloc(&a, n * sizeof(float)));
  CHECK(cudaMalloc(&b, n * sizeof(float)));
  for (int i = 0; i < n; ++i) in[i] = static_cast<float>(i);
  cudaStream_t streams[pieces];
  for (int i = 0; i < pieces; ++i) {
    CHECK(cudaStreamCreate(&streams[i]));
    int at = i * piece;
    CHECK(cudaMemcpyAsync(a + at, in + at, piece * sizeof(float), cudaMemcpyHostToDevice, streams[i]));
    scale<<<piece / 256, 256, 0, streams[i]>>>(a + at, b + at, piece, 2.0f + i);
    CHECK(cudaMemcpyAsync(out + at, b + at, piece * sizeof(float), cudaMemcpyDeviceToHost, streams[i]));
  }
  for (auto& stream : streams) CHECK(cudaStreamSynchronize(stream));
  for (int i = 0; i < n; ++i) EXPECT(out[i] == in[i] * (2.0f + i / piece));
  // In place, through the address that the device knows the memory by.
  CHECK(cudaHostGetDevicePointer(&seen, out, 0));
  scale<<<n / 256, 256>>>(a, seen, n, -1.0f);
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < n; ++i) EXPECT(out[i] == -in[i]);
  cudaPointerAttributes attributes;
  CHECK(cudaPointerGetAttributes(&attributes, out + 5));
  EXPECT(attributes.type == cudaMemoryTypeHost && attributes.hostPointer == out + 5);
  // Memory of the program's own, registered.
  auto* own = static_cast<float*>(std::aligned_alloc(4096, n * sizeof(float)));
  CHECK(cudaHostRegister(own, n * sizeof(float), cudaHostRegisterMapped));
  CHECK(cudaHostGetDevicePointer(&seen, own, 0));
  scale<<<n / 256, 256>>>(a, seen, n, 0.5f);
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < n; ++i) EXPECT(own[i] == in[i] * 0.5f);
  EXPECT(cudaHostRegister(own, n * sizeof(float), 0) == cudaErrorHostMemoryAlreadyRegistered);
  CHECK(cudaHostUnregister(own));
  EXPECT(cudaHostUnregister(own) == cudaErrorHostMemoryNotRegistered);
  std::free(own);
  CHECK(cudaFreeHost(in));
  CHECK(cudaFreeHost(out));
  std::printf("pinned_async: %d pieces\n", pieces);
}
