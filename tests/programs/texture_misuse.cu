// Descriptors that mean no texture are refused; a handle that is nobody's ends the kernel, and the program learns why.
#include <vector>

#include "check.h"

__global__ void fetch(cudaTextureObject_t texture, float* out) { *out = tex2D<float>(texture, 0.5f, 0.5f); }
__global__ void choose(const cudaTextureObject_t* textures, float* out) {
  out[threadIdx.x] = tex2D<float>(textures[threadIdx.x % 3], float(threadIdx.x % 4) + 0.5f, 0.5f);
}

int main() {
  cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  cudaTextureObject_t textures[3];
  cudaArray_t arrays[3];
  cudaTextureDesc how = {};
  for (int t = 0; t < 3; ++t) {
    float texels[4] = {t * 10.f, t * 10 + 1.f, t * 10 + 2.f, t * 10 + 3.f};
    CHECK(cudaMallocArray(&arrays[t], &format, 4, 1));
    CHECK(cudaMemcpy2DToArray(arrays[t], 0, 0, texels, 16, 16, 1, cudaMemcpyHostToDevice));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = arrays[t];
    CHECK(cudaCreateTextureObject(&textures[t], &resource, &how, nullptr));
    cudaResourceDesc read;
    CHECK(cudaGetTextureObjectResourceDesc(&read, textures[t]));
    EXPECT(read.res.array.array == arrays[t]);
    cudaSurfaceObject_t surface;
    EXPECT(cudaCreateSurfaceObject(&surface, &resource) != cudaSuccess);  // made without cudaArraySurfaceLoadStore
    cudaGetLastError();
  }
  // Lanes of one warp may name different textures.
  cudaTextureObject_t* list;
  float* out;
  CHECK(cudaMalloc(&list, sizeof textures));
  CHECK(cudaMalloc(&out, 64 * sizeof(float)));
  CHECK(cudaMemcpy(list, textures, sizeof textures, cudaMemcpyHostToDevice));
  choose<<<1, 50>>>(list, out);
  std::vector<float> got(50);
  CHECK(cudaMemcpy(got.data(), out, 50 * sizeof(float), cudaMemcpyDeviceToHost));
  for (int i = 0; i < 50; ++i) EXPECT(got[i] == i % 3 * 10 + i % 4);

  cudaResourceDesc wrong = {};
  cudaTextureObject_t none;
  wrong.resType = cudaResourceTypeLinear;
  wrong.res.linear.desc = format;
  wrong.res.linear.devPtr = out;
  wrong.res.linear.sizeInBytes = size_t{1} << 40;
  EXPECT(cudaCreateTextureObject(&none, &wrong, &how, nullptr) != cudaSuccess);
  wrong.resType = cudaResourceTypePitch2D;
  wrong.res.pitch2D = {out, format, 64, 1 << 20, 256};
  EXPECT(cudaCreateTextureObject(&none, &wrong, &how, nullptr) != cudaSuccess);
  cudaGetLastError();
  CHECK(cudaDestroyTextureObject(textures[2]));
  EXPECT(cudaDestroyTextureObject(textures[2]) != cudaSuccess);
  cudaGetLastError();

  fetch<<<1, 1>>>(0xdeadbeefcafef00d, out);
  EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  std::printf("texture_misuse: good\n");
}
