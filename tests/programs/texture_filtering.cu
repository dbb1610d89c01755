// Float textures of one, two and three dimensions in every addressing mode, with and without filtering, with both kinds
// of coordinates, against the Programming Guide's formulas.
#include <cstring>

#include "check.h"
#include "texture_model.h"

__global__ void sample(cudaTextureObject_t texture, int dimensions, const float3* at, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float3 p = at[i];
  out[i] = dimensions == 1   ? tex1D<float>(texture, p.x)
           : dimensions == 2 ? tex2D<float>(texture, p.x, p.y)
                             : tex3D<float>(texture, p.x, p.y, p.z);
}

static cudaArray_t make_array(const TextureModel& model) {
  std::vector<float> texels(model.texels.begin(), model.texels.end());
  cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  cudaExtent extent = make_cudaExtent(model.size[0], model.dimensions > 1 ? model.size[1] : 0,
                                      model.dimensions > 2 ? model.size[2] : 0);
  cudaArray_t array;
  CHECK(cudaMalloc3DArray(&array, &format, extent));
  cudaMemcpy3DParms copy = {};
  copy.srcPtr = make_cudaPitchedPtr(texels.data(), model.size[0] * sizeof(float), model.size[0], model.size[1]);
  copy.dstArray = array;
  copy.extent = make_cudaExtent(model.size[0], model.size[1], model.size[2]);
  copy.kind = cudaMemcpyHostToDevice;
  CHECK(cudaMemcpy3D(&copy));
  return array;
}

int main() {
  // Coordinates with few bits: every product with a size is exact, so no rounding is the device's own affair.
  std::vector<float3> places;
  for (int k = -90; k < 200; ++k)
    places.push_back({float(k) / 64, float((k * 37 + 11) % 150 - 40) / 64, float((k * 53 + 5) % 160 - 50) / 64});
  const int n = int(places.size());
  float3* at;
  float* out;
  CHECK(cudaMalloc(&at, n * sizeof(float3)));
  CHECK(cudaMalloc(&out, n * sizeof(float)));
  long compared = 0;
  for (int dimensions = 1; dimensions <= 3; ++dimensions) {
    TextureModel model;
    model.dimensions = dimensions;
    const int sizes[3] = {13, dimensions > 1 ? 9 : 1, dimensions > 2 ? 6 : 1};
    std::memcpy(model.size, sizes, sizeof sizes);
    for (int i = 0; i < sizes[0] * sizes[1] * sizes[2]; ++i) model.texels.push_back(float((i * 7919) % 101) / 4 - 10);
    cudaArray_t array = make_array(model);
    for (int variant = 0; variant < 16; ++variant) {
      model.mode = cudaTextureAddressMode(variant & 3);
      model.linear = variant & 4;
      model.normalised = variant & 8;
      model.border = 2.5;
      cudaResourceDesc resource = {};
      resource.resType = cudaResourceTypeArray;
      resource.res.array.array = array;
      cudaTextureDesc how = {};
      for (auto& mode : how.addressMode) mode = model.mode;
      how.filterMode = model.linear ? cudaFilterModeLinear : cudaFilterModePoint;
      how.normalizedCoords = model.normalised;
      how.borderColor[0] = 2.5f;
      cudaTextureObject_t texture;
      CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
      std::vector<float3> scaled = places;
      for (float3& p : scaled)  // the same places in texels
        if (!model.normalised) p = {p.x * 8, p.y * 8, p.z * 8};
      CHECK(cudaMemcpy(at, scaled.data(), n * sizeof(float3), cudaMemcpyHostToDevice));
      sample<<<(n + 127) / 128, 128>>>(texture, dimensions, at, out, n);
      std::vector<float> got(n);
      CHECK(cudaMemcpy(got.data(), out, n * sizeof(float), cudaMemcpyDeviceToHost));
      for (int i = 0; i < n; ++i, ++compared) {
        double expected = model.sample(scaled[i].x, scaled[i].y, scaled[i].z);
        if (near(got[i], expected)) continue;
        std::fprintf(stderr, "%d dimensions, variant %d, (%g %g %g): expected %g, got %g\n", dimensions, variant,
                     scaled[i].x, scaled[i].y, scaled[i].z, expected, got[i]);
        return 1;
      }
      CHECK(cudaDestroyTextureObject(texture));
    }
    CHECK(cudaFreeArray(array));
  }
  std::printf("texture_filtering: %ld fetches\n", compared);
}
