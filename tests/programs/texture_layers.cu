// Layers, cubemaps and gathers: which slice, face or texel a coordinate means (CUDA C++ Programming Guide, "Layered
// Textures", "Cubemap Textures", "Texture Gather").
#include <algorithm>

#include "check.h"
#include "texture_model.h"

__global__ void layers_1d(cudaTextureObject_t texture, float* out, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = tex1DLayered<float>(texture, float(i % 8) + 0.5f, i / 8);
}
__global__ void layers_2d(cudaTextureObject_t texture, const float3* at, float* out, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = tex2DLayered<float>(texture, at[i].x, at[i].y, int(at[i].z));
}
__global__ void cube(cudaTextureObject_t texture, const float3* at, float* out, int n, int layer) {
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    out[i] = layer < 0 ? texCubemap<float>(texture, at[i].x, at[i].y, at[i].z)
                       : texCubemapLayered<float>(texture, at[i].x, at[i].y, at[i].z, layer);
}
__global__ void gather(cudaTextureObject_t texture, float4* out, int width, int height) {
  for (int i = threadIdx.x; i < (width - 1) * (height - 1); i += blockDim.x)
    out[i] = tex2Dgather<float4>(texture, float(i % (width - 1)) + 1, float(i / (width - 1)) + 1, 1);
}

template <class T>
static cudaTextureObject_t make(const std::vector<T>& texels, cudaExtent extent, unsigned flags, bool linear,
                                bool normalised, cudaArray_t* array) {
  cudaChannelFormatDesc format = cudaCreateChannelDesc<T>();
  CHECK(cudaMalloc3DArray(array, &format, extent, flags));
  size_t rows = std::max<size_t>(extent.height, 1);
  cudaMemcpy3DParms copy = {};
  copy.srcPtr = make_cudaPitchedPtr(const_cast<T*>(texels.data()), extent.width * sizeof(T), extent.width, rows);
  copy.dstArray = *array;
  copy.extent = make_cudaExtent(extent.width, rows, std::max<size_t>(extent.depth, 1));
  copy.kind = cudaMemcpyHostToDevice;
  CHECK(cudaMemcpy3D(&copy));
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = *array;
  cudaTextureDesc how = {};
  how.addressMode[0] = how.addressMode[1] = how.addressMode[2] = cudaAddressModeClamp;
  how.filterMode = linear ? cudaFilterModeLinear : cudaFilterModePoint;
  how.normalizedCoords = normalised;
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
  return texture;
}

template <class T>
static std::vector<T> fetched(const T* device, size_t n) {
  std::vector<T> host(n);
  CHECK(cudaMemcpy(host.data(), device, n * sizeof(T), cudaMemcpyDeviceToHost));
  return host;
}

static float3* on_device(const std::vector<float3>& host) {
  float3* device;
  CHECK(cudaMalloc(&device, host.size() * sizeof(float3)));
  CHECK(cudaMemcpy(device, host.data(), host.size() * sizeof(float3), cudaMemcpyHostToDevice));
  return device;
}

static std::vector<float> numbers(size_t n) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = float(i * 37 % 257);
  return values;
}

static void check_layers(float* out) {
  auto row = numbers(8 * 3);
  cudaArray_t array;
  auto texture = make(row, make_cudaExtent(8, 0, 3), cudaArrayLayered, false, false, &array);
  layers_1d<<<1, 32>>>(texture, out, 8 * 5);
  auto got = fetched(out, 8 * 5);
  for (int i = 0; i < 8 * 5; ++i) EXPECT(got[i] == row[std::min(i / 8, 2) * 8 + i % 8]);
  CHECK(cudaDestroyTextureObject(texture));

  auto planes = numbers(6 * 4 * 5);
  texture = make(planes, make_cudaExtent(6, 4, 5), cudaArrayLayered, true, false, &array);
  std::vector<float3> at;
  for (int i = 0; i < 200; ++i) at.push_back({float(i % 29) / 4, float(i % 17) / 4, float(i % 5)});
  layers_2d<<<1, 64>>>(texture, on_device(at), out, 200);
  got = fetched(out, 200);
  for (int i = 0; i < 200; ++i) {
    TextureModel model;
    model.dimensions = 2, model.size[0] = 6, model.size[1] = 4, model.linear = true;
    model.texels.assign(planes.begin() + int(at[i].z) * 24, planes.begin() + int(at[i].z) * 24 + 24);
    EXPECT(near(got[i], model.sample(at[i].x, at[i].y)));
  }
}

// The guide's table: the face of the largest component, and the coordinates on it.
static double cube_texel(const float* faces, int size, float3 d) {
  double ax = std::fabs(d.x), ay = std::fabs(d.y), az = std::fabs(d.z), m, s, t;
  int face;
  if (ax > ay && ax > az)
    face = d.x > 0 ? 0 : 1, m = ax, s = d.x > 0 ? -d.z : d.z, t = -d.y;
  else if (ay > ax && ay > az)
    face = d.y > 0 ? 2 : 3, m = ay, s = d.x, t = d.y > 0 ? d.z : -d.z;
  else
    face = d.z > 0 ? 4 : 5, m = az, s = d.z > 0 ? d.x : -d.x, t = -d.y;
  int x = std::min(int((s / m + 1) / 2 * size), size - 1), y = std::min(int((t / m + 1) / 2 * size), size - 1);
  return faces[(face * size + y) * size + x];
}

static void check_cubes(float* out) {
  const int size = 8, layers = 2;
  auto faces = numbers(size * size * 6 * layers);
  std::vector<float3> at;
  for (int i = 0; i < 500; ++i) {
    float3 d = {float(i * 73 % 101) - 50.3f, float(i * 31 % 97) - 48.1f, float(i * 57 % 103) - 51.7f};
    at.push_back(d);
  }
  float3* places = on_device(at);
  cudaArray_t array;
  std::vector<float> one(faces.begin(), faces.begin() + size * size * 6);
  auto texture = make(one, make_cudaExtent(size, size, 6), cudaArrayCubemap, false, true, &array);
  cube<<<1, 96>>>(texture, places, out, 500, -1);
  auto got = fetched(out, 500);
  for (int i = 0; i < 500; ++i) EXPECT(got[i] == cube_texel(one.data(), size, at[i]));
  texture = make(faces, make_cudaExtent(size, size, 6 * layers), cudaArrayCubemap | cudaArrayLayered, false, true, &array);
  cube<<<1, 96>>>(texture, places, out, 500, 1);
  got = fetched(out, 500);
  for (int i = 0; i < 500; ++i) EXPECT(got[i] == cube_texel(faces.data() + size * size * 6, size, at[i]));
}

// The second component of the four texels around a point: lower left, lower right, upper right, upper left.
static void check_gather() {
  const int width = 7, height = 5;
  std::vector<float4> texels(width * height);
  for (int i = 0; i < width * height; ++i) texels[i] = {float(i), float(100 + i * 3), -1, -2};
  cudaArray_t array;
  auto texture = make(texels, make_cudaExtent(width, height, 0), cudaArrayTextureGather, false, false, &array);
  float4* out;
  CHECK(cudaMalloc(&out, sizeof(float4) * width * height));
  gather<<<1, 32>>>(texture, out, width, height);
  auto got = fetched(out, (width - 1) * (height - 1));
  for (int i = 0; i < (width - 1) * (height - 1); ++i) {
    auto texel = [&](int x, int y) { return texels[(i / (width - 1) + y) * width + i % (width - 1) + x].y; };
    EXPECT(got[i].x == texel(0, 1) && got[i].y == texel(1, 1) && got[i].z == texel(1, 0) && got[i].w == texel(0, 0));
  }
}

int main() {
  float* out;
  CHECK(cudaMalloc(&out, 1000 * sizeof(float)));
  check_layers(out);
  check_cubes(out);
  check_gather();
  std::printf("texture_layers: good\n");
}
