// Mipmapped arrays: levels written by copies and by surfaces, and read by level of detail and by gradients, with bias,
// limits and filtering between levels.
#include <algorithm>

#include "check.h"
#include "texture_model.h"

const int size = 32, count = 6;

__global__ void by_level(cudaTextureObject_t texture, const float3* at, float* out, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = tex2DLod<float>(texture, at[i].x, at[i].y, at[i].z);
}
__global__ void by_gradient(cudaTextureObject_t texture, float* out, const float* steps, int n) {
  int i = threadIdx.x;
  if (i < n) out[i] = tex2DGrad<float>(texture, 0.4f, 0.6f, make_float2(steps[i], 0), make_float2(0, steps[i] / 4));
}
__global__ void plain(cudaTextureObject_t texture, float* out) { *out = tex2D<float>(texture, 0.25f, 0.75f); }
__global__ void fill(cudaSurfaceObject_t surface, int n, float value) {
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) surf2Dwrite(value + i, surface, i % n * 4, i / n);
}

static float texel(int level, int i) { return float(level * 1000 + i * 13 % 200); }

static TextureModel model_of(int level) {
  TextureModel model;
  model.dimensions = 2;
  model.size[0] = model.size[1] = std::max(size >> level, 1);
  model.linear = model.normalised = true;
  for (int i = 0; i < model.size[0] * model.size[1]; ++i) model.texels.push_back(texel(level, i));
  return model;
}

// CUDA C++ Programming Guide: the biased level within its limits; the nearest one, or both with weights.
static double expected(double x, double y, double detail, const cudaTextureDesc& how) {
  detail = std::clamp<double>(detail + how.mipmapLevelBias, how.minMipmapLevelClamp, how.maxMipmapLevelClamp);
  detail = std::clamp(detail, 0.0, count - 1.0);
  if (how.mipmapFilterMode == cudaFilterModePoint) return model_of(int(std::floor(detail + 0.5))).sample(x, y);
  int low = int(std::floor(detail));
  double share = std::floor((detail - low) * 256 + 0.5) / 256;
  double below = model_of(low).sample(x, y);
  return share == 0 ? below : (1 - share) * below + share * model_of(low + 1).sample(x, y);
}

static cudaMipmappedArray_t make() {
  cudaMipmappedArray_t levels;
  cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  CHECK(cudaMallocMipmappedArray(&levels, &format, make_cudaExtent(size, size, 0), 99, cudaArraySurfaceLoadStore));
  for (int level = 0; level < count; ++level) {
    cudaArray_t array;
    CHECK(cudaGetMipmappedArrayLevel(&array, levels, level));
    cudaExtent extent;
    CHECK(cudaArrayGetInfo(nullptr, &extent, nullptr, array));
    int n = std::max(size >> level, 1);
    EXPECT(int(extent.width) == n && int(extent.height) == n);
    std::vector<float> texels;
    for (int i = 0; i < n * n; ++i) texels.push_back(texel(level, i));
    CHECK(cudaMemcpy2DToArray(array, 0, 0, texels.data(), n * 4, n * 4, n, cudaMemcpyHostToDevice));
  }
  cudaArray_t none;
  EXPECT(cudaGetMipmappedArrayLevel(&none, levels, count) != cudaSuccess);  // 99 levels were cut to six
  cudaGetLastError();
  return levels;
}

static cudaTextureDesc descriptor(cudaTextureFilterMode between, float bias, float least, float most) {
  cudaTextureDesc how = {};
  how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
  how.filterMode = cudaFilterModeLinear;
  how.normalizedCoords = 1;
  how.mipmapFilterMode = between;
  how.mipmapLevelBias = bias;
  how.minMipmapLevelClamp = least;
  how.maxMipmapLevelClamp = most;
  return how;
}

int main() {
  cudaMipmappedArray_t levels = make();
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeMipmappedArray;
  resource.res.mipmap.mipmap = levels;
  std::vector<float3> at;
  for (int i = 0; i < 160; ++i) at.push_back({float(i % 32) / 32, float(i * 7 % 64) / 64, float(i % 61) / 8 - 1});
  const int n = int(at.size());
  float3* places;
  float *out, *steps;
  CHECK(cudaMalloc(&places, n * sizeof(float3)));
  CHECK(cudaMalloc(&out, n * sizeof(float)));
  CHECK(cudaMalloc(&steps, 8 * sizeof(float)));
  CHECK(cudaMemcpy(places, at.data(), n * sizeof(float3), cudaMemcpyHostToDevice));
  std::vector<float> got(n);
  const cudaTextureDesc ways[] = {descriptor(cudaFilterModePoint, 0, 0, 10), descriptor(cudaFilterModeLinear, 0, 0, 10),
                                  descriptor(cudaFilterModeLinear, 0.75f, 1.5f, 3.25f)};
  for (const cudaTextureDesc& how : ways) {
    cudaTextureObject_t texture;
    CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
    by_level<<<1, 64>>>(texture, places, out, n);
    CHECK(cudaMemcpy(got.data(), out, n * sizeof(float), cudaMemcpyDeviceToHost));
    for (int i = 0; i < n; ++i) EXPECT(near(got[i], expected(at[i].x, at[i].y, at[i].z, how)));
    const float widths[] = {1 / 64.f, 1 / 32.f, 1 / 16.f, 1 / 8.f, 1 / 4.f, 1 / 2.f};  // of half a texel to 16 texels
    CHECK(cudaMemcpy(steps, widths, sizeof widths, cudaMemcpyHostToDevice));
    by_gradient<<<1, 32>>>(texture, out, steps, 6);
    CHECK(cudaMemcpy(got.data(), out, 6 * sizeof(float), cudaMemcpyDeviceToHost));
    for (int i = 0; i < 6; ++i) EXPECT(near(got[i], expected(0.4f, 0.6f, std::log2(widths[i] * size), how), 2e-3));
    plain<<<1, 1>>>(texture, out);
    CHECK(cudaMemcpy(got.data(), out, sizeof(float), cudaMemcpyDeviceToHost));
    EXPECT(near(got[0], expected(0.25, 0.75, 0, how)));
    CHECK(cudaDestroyTextureObject(texture));
  }

  // A level is an array like any other: a surface writes it, a view of the texture begins with it.
  cudaArray_t second;
  CHECK(cudaGetMipmappedArrayLevel(&second, levels, 2));
  cudaResourceDesc one = {};
  one.resType = cudaResourceTypeArray;
  one.res.array.array = second;
  cudaSurfaceObject_t surface;
  CHECK(cudaCreateSurfaceObject(&surface, &one));
  fill<<<1, 64>>>(surface, 8, 5000);
  cudaResourceViewDesc view = {};
  view.format = cudaResViewFormatFloat1;
  view.width = view.height = 8;
  view.firstMipmapLevel = 2;
  view.lastMipmapLevel = 3;
  cudaTextureDesc how = descriptor(cudaFilterModePoint, 0, 0, 10);
  how.filterMode = cudaFilterModePoint;
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, &view));
  const float3 corners[] = {{0, 0, 0}, {0.99f, 0, 0}, {0.99f, 0.99f, 0}, {0, 0, 1}, {0, 0, 7}};
  CHECK(cudaMemcpy(places, corners, sizeof corners, cudaMemcpyHostToDevice));
  by_level<<<1, 32>>>(texture, places, out, 5);
  CHECK(cudaMemcpy(got.data(), out, 5 * sizeof(float), cudaMemcpyDeviceToHost));
  EXPECT(got[0] == 5000 && got[1] == 5007 && got[2] == 5063 && got[3] == texel(3, 0) && got[4] == texel(3, 0));
  CHECK(cudaDestroyTextureObject(texture));
  CHECK(cudaFreeMipmappedArray(levels));
  std::printf("mipmaps: good\n");
}
