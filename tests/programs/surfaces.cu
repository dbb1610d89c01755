// Surfaces: reads and writes of every kind of array, and what happens beyond the edge (CUDA C++ Programming Guide,
// "Surface Functions"): ignored and 0, or the nearest texel, or the end of the kernel.
#include <vector>

#include "check.h"

const int width = 20, height = 7, depth = 5;

__global__ void write_2d(cudaSurfaceObject_t surface) {
  for (int i = threadIdx.x; i < (width + 8) * (height + 2); i += blockDim.x) {
    int x = i % (width + 8) - 4, y = i / (width + 8) - 1;
    surf2Dwrite(make_uchar4(x, y, x + y, 7), surface, x * 4, y, cudaBoundaryModeZero);
  }
}
__global__ void read_2d(cudaSurfaceObject_t surface, uchar4* zero, uchar4* clamped) {
  for (int i = threadIdx.x; i < (width + 8) * (height + 2); i += blockDim.x) {
    int x = i % (width + 8) - 4, y = i / (width + 8) - 1;
    surf2Dread(&zero[i], surface, x * 4, y, cudaBoundaryModeZero);
    surf2Dread(&clamped[i], surface, x * 4, y, cudaBoundaryModeClamp);
  }
}
__global__ void double_3d(cudaSurfaceObject_t surface) {
  for (int i = threadIdx.x; i < width * height * depth; i += blockDim.x) {
    int x = i % width, y = i / width % height, z = i / width / height;
    float2 value = surf3Dread<float2>(surface, x * 8, y, z);
    surf3Dwrite(make_float2(value.x * 2, value.y + 1), surface, x * 8, y, z);
  }
}
__global__ void row_1d(cudaSurfaceObject_t surface) {
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    short value = surf1Dread<short>(surface, i * 2);
    surf1Dwrite<short>(value * 3, surface, i * 2);
  }
}
__global__ void layers(cudaSurfaceObject_t surface) {
  for (int i = threadIdx.x; i < width * height * depth; i += blockDim.x)
    surf2DLayeredwrite(make_float4(i, i + 0.5f, -i, 1), surface, i % width * 16, i / width % height, i / width / height);
}
__global__ void faces(cudaSurfaceObject_t surface) {
  for (int i = threadIdx.x; i < 8 * 8 * 6; i += blockDim.x) surfCubemapwrite(i * 5, surface, i % 8 * 4, i / 8 % 8, i / 64);
}
__global__ void too_far(cudaSurfaceObject_t surface) { surf1Dwrite<short>(1, surface, width * 2); }

template <class T>
static cudaSurfaceObject_t make(cudaArray_t* array, cudaExtent extent, unsigned flags = 0) {
  cudaChannelFormatDesc format = cudaCreateChannelDesc<T>();
  CHECK(cudaMalloc3DArray(array, &format, extent, cudaArraySurfaceLoadStore | flags));
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = *array;
  cudaSurfaceObject_t surface;
  CHECK(cudaCreateSurfaceObject(&surface, &resource));
  return surface;
}

template <class T>
static void move(cudaArray_t array, std::vector<T>& host, cudaExtent extent, bool to_array) {
  cudaMemcpy3DParms copy = {};
  auto memory = make_cudaPitchedPtr(host.data(), extent.width * sizeof(T), extent.width, extent.height);
  if (to_array)
    copy.srcPtr = memory, copy.dstArray = array, copy.kind = cudaMemcpyHostToDevice;
  else
    copy.dstPtr = memory, copy.srcArray = array, copy.kind = cudaMemcpyDeviceToHost;
  copy.extent = extent;
  CHECK(cudaMemcpy3D(&copy));
}

static void check_edges() {
  cudaArray_t array;
  auto surface = make<uchar4>(&array, make_cudaExtent(width, height, 0));
  write_2d<<<1, 64>>>(surface);
  std::vector<uchar4> texels(width * height);
  move(array, texels, make_cudaExtent(width, height, 1), false);
  for (int i = 0; i < width * height; ++i) EXPECT(texels[i].x == i % width && texels[i].y == i / width && texels[i].w == 7);
  const int n = (width + 8) * (height + 2);
  uchar4* out;
  CHECK(cudaMalloc(&out, 2 * n * sizeof(uchar4)));
  read_2d<<<1, 64>>>(surface, out, out + n);
  std::vector<uchar4> got(2 * n);
  CHECK(cudaMemcpy(got.data(), out, got.size() * sizeof(uchar4), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; ++i) {
    int x = i % (width + 8) - 4, y = i / (width + 8) - 1;
    int cx = x < 0 ? 0 : x >= width ? width - 1 : x, cy = y < 0 ? 0 : y >= height ? height - 1 : y;
    bool inside = cx == x && cy == y;
    EXPECT(got[i].x == (inside ? x : 0) && got[i].w == (inside ? 7 : 0));
    EXPECT(got[n + i].x == cx && got[n + i].y == cy && got[n + i].z == cx + cy);
  }
  CHECK(cudaDestroySurfaceObject(surface));
  CHECK(cudaFreeArray(array));
}

static void check_kinds() {
  cudaArray_t array;
  auto surface = make<float2>(&array, make_cudaExtent(width, height, depth));
  std::vector<float2> volume(width * height * depth), doubled = volume;
  for (size_t i = 0; i < volume.size(); ++i) volume[i] = {float(i), float(i) / 2};
  move(array, volume, make_cudaExtent(width, height, depth), true);
  double_3d<<<1, 96>>>(surface);
  move(array, doubled, make_cudaExtent(width, height, depth), false);
  for (size_t i = 0; i < volume.size(); ++i)
    EXPECT(doubled[i].x == volume[i].x * 2 && doubled[i].y == volume[i].y + 1);

  surface = make<short>(&array, make_cudaExtent(width, 0, 0));
  std::vector<short> row(width);
  for (int i = 0; i < width; ++i) row[i] = short(i - 5);
  move(array, row, make_cudaExtent(width, 1, 1), true);
  row_1d<<<1, 32>>>(surface);
  move(array, row, make_cudaExtent(width, 1, 1), false);
  for (int i = 0; i < width; ++i) EXPECT(row[i] == (i - 5) * 3);

  surface = make<float4>(&array, make_cudaExtent(width, height, depth), cudaArrayLayered);
  layers<<<1, 96>>>(surface);
  std::vector<float4> slices(width * height * depth);
  move(array, slices, make_cudaExtent(width, height, depth), false);
  for (int i = 0; i < width * height * depth; ++i) EXPECT(slices[i].x == i && slices[i].y == i + 0.5f && slices[i].z == -i);

  surface = make<int>(&array, make_cudaExtent(8, 8, 6), cudaArrayCubemap);
  faces<<<1, 96>>>(surface);
  std::vector<int> cube(8 * 8 * 6);
  move(array, cube, make_cudaExtent(8, 8, 6), false);
  for (int i = 0; i < 8 * 8 * 6; ++i) EXPECT(cube[i] == i * 5);
}

int main() {
  check_edges();
  check_kinds();
  cudaArray_t array;
  auto surface = make<short>(&array, make_cudaExtent(width, 0, 0));
  too_far<<<1, 1>>>(surface);
  EXPECT(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
  std::printf("surfaces: good\n");
}
