// Every copy of the driver API that touches an array, and what it refuses (CUDA Driver API, "Memory Management").
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "driver_check.h"

using Bytes = std::vector<unsigned char>;

static Bytes numbers(size_t n, int seed) {
  Bytes bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = (unsigned char)(i * 31 + seed * 17 + i / 251);
  return bytes;
}

static CUarray make(size_t width, size_t height, size_t depth, unsigned flags = 0) {
  CUDA_ARRAY3D_DESCRIPTOR shape = {width, height, depth, CU_AD_FORMAT_UNSIGNED_INT16, 2, flags};
  CUarray array;
  DRIVER(cuArray3DCreate(&array, &shape));
  CUDA_ARRAY3D_DESCRIPTOR got;
  DRIVER(cuArray3DGetDescriptor(&got, array));
  EXPECT(got.Width == width && got.Height == height && got.Depth == depth && got.NumChannels == 2 && got.Flags == flags);
  return array;
}

// A row of an array: to and from the host, the device, another array.
static void rows(CUstream stream) {
  const size_t n = 100 * 4;
  CUarray a = make(100, 0, 0), b = make(100, 0, 0);
  Bytes in = numbers(n, 1), out(n);
  CUdeviceptr memory;
  DRIVER(cuMemAlloc(&memory, n));
  DRIVER(cuMemcpyHtoA(a, 0, in.data(), n));
  DRIVER(cuMemcpyAtoA(b, 40, a, 0, n - 40));
  DRIVER(cuMemcpyAtoA(b, 0, a, n - 40, 40));
  DRIVER(cuMemcpyAtoD(memory, b, 0, n));
  DRIVER(cuMemcpyDtoA(a, 8, memory, n - 8));
  DRIVER(cuMemcpyAtoH(out.data(), a, 0, n));
  for (size_t i = 0; i < n; ++i) EXPECT(out[i] == (i < 8 ? in[i] : in[(i - 8 + n - 40) % n]));
  Bytes other = numbers(n, 2);
  DRIVER(cuMemcpyHtoAAsync(a, 0, other.data(), n, stream));
  DRIVER(cuMemcpyAtoHAsync(out.data(), a, 4, n - 4, stream));
  DRIVER(cuStreamSynchronize(stream));
  EXPECT(std::memcmp(out.data(), other.data() + 4, n - 4) == 0);
  EXPECT(cuMemcpyHtoA(a, 4, in.data(), n) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuMemcpyAtoH(out.data(), a, ~size_t{0} - 3, 8) == CUDA_ERROR_INVALID_VALUE);
  DRIVER(cuArrayDestroy(a));
  DRIVER(cuArrayDestroy(b));
  EXPECT(cuArrayDestroy(b) != CUDA_SUCCESS);
  EXPECT(cuMemcpyAtoH(out.data(), b, 0, 8) != CUDA_SUCCESS);
  DRIVER(cuMemFree(memory));
}

// A rectangle from a pitched host image into an array, array to array, and back by way of device memory.
static void rectangles(CUstream stream) {
  const size_t pitch = 300, width = 50 * 4, height = 20;
  CUarray a = make(50, height, 0), b = make(60, 30, 0);
  Bytes in = numbers(pitch * height, 3), out(width * height);
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = in.data(), copy.srcPitch = pitch, copy.srcXInBytes = 20;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY, copy.dstArray = a;
  copy.WidthInBytes = width, copy.Height = height;
  DRIVER(cuMemcpy2D(&copy));
  CUDA_MEMCPY2D across = {};
  across.srcMemoryType = CU_MEMORYTYPE_ARRAY, across.srcArray = a, across.srcXInBytes = 4, across.srcY = 1;
  across.dstMemoryType = CU_MEMORYTYPE_ARRAY, across.dstArray = b, across.dstXInBytes = 8, across.dstY = 5;
  across.WidthInBytes = width - 4, across.Height = height - 1;
  DRIVER(cuMemcpy2DAsync(&across, stream));
  CUdeviceptr memory;
  size_t device_pitch;
  DRIVER(cuMemAllocPitch(&memory, &device_pitch, width, height, 4));
  CUDA_MEMCPY2D down = {};
  down.srcMemoryType = CU_MEMORYTYPE_ARRAY, down.srcArray = b, down.srcXInBytes = 8, down.srcY = 5;
  down.dstMemoryType = CU_MEMORYTYPE_DEVICE, down.dstDevice = memory, down.dstPitch = device_pitch;
  down.WidthInBytes = width - 4, down.Height = height - 1;
  DRIVER(cuMemcpy2DAsync(&down, stream));
  DRIVER(cuStreamSynchronize(stream));
  CUDA_MEMCPY2D home = {};
  home.srcMemoryType = CU_MEMORYTYPE_DEVICE, home.srcDevice = memory, home.srcPitch = device_pitch;
  home.dstMemoryType = CU_MEMORYTYPE_HOST, home.dstHost = out.data(), home.dstPitch = width;
  home.WidthInBytes = width - 4, home.Height = height - 1;
  DRIVER(cuMemcpy2DUnaligned(&home));
  for (size_t y = 0; y + 1 < height; ++y)
    EXPECT(std::memcmp(&out[y * width], &in[(y + 1) * pitch + 20 + 4], width - 4) == 0);
  for (auto spoil : {0, 1, 2}) {  // beyond the right edge, beyond the lower one, and round the end of all numbers
    CUDA_MEMCPY2D wrong = across;
    if (spoil == 0) wrong.dstXInBytes = 60 * 4 - width + 8;
    if (spoil == 1) wrong.dstY = 12;
    if (spoil == 2) wrong.srcXInBytes = ~size_t{0} - 100;
    EXPECT(cuMemcpy2D(&wrong) == CUDA_ERROR_INVALID_VALUE);
  }
  DRIVER(cuMemFree(memory));
  DRIVER(cuArrayDestroy(a));
  DRIVER(cuArrayDestroy(b));
}

// Boxes: in volumes, and in layers.
static void boxes() {
  for (unsigned flags : {0u, unsigned(CUDA_ARRAY3D_LAYERED)}) {
    const size_t w = 16 * 4, h = 9, d = 7;
    CUarray volume = make(16, h, d, flags);
    Bytes in = numbers(w * h * d, 4), out(w * h * d, 0xee);
    CUDA_MEMCPY3D up = {};
    up.srcMemoryType = CU_MEMORYTYPE_HOST, up.srcHost = in.data(), up.srcPitch = w, up.srcHeight = h;
    up.dstMemoryType = CU_MEMORYTYPE_ARRAY, up.dstArray = volume;
    up.WidthInBytes = w, up.Height = h, up.Depth = d;
    DRIVER(cuMemcpy3D(&up));
    CUDA_MEMCPY3D down = {};
    down.srcMemoryType = CU_MEMORYTYPE_ARRAY, down.srcArray = volume, down.srcXInBytes = 8, down.srcY = 2, down.srcZ = 3;
    down.dstMemoryType = CU_MEMORYTYPE_HOST, down.dstHost = out.data(), down.dstPitch = w, down.dstHeight = h;
    down.dstXInBytes = 4, down.dstY = 1, down.dstZ = 2;
    down.WidthInBytes = w - 16, down.Height = h - 3, down.Depth = d - 4;
    DRIVER(cuMemcpy3D(&down));
    for (size_t z = 0; z < d; ++z)
      for (size_t y = 0; y < h; ++y)
        for (size_t x = 0; x < w; ++x) {
          bool inside = x >= 4 && x < w - 12 && y >= 1 && y < h - 2 && z >= 2 && z < d - 2;
          unsigned char expected = inside ? in[((z + 1) * h + y + 1) * w + x + 4] : 0xee;
          EXPECT(out[(z * h + y) * w + x] == expected);
        }
    down.srcZ = 5;
    EXPECT(cuMemcpy3D(&down) == CUDA_ERROR_INVALID_VALUE);
    DRIVER(cuArrayDestroy(volume));
  }
}

// Shapes that no array has.
static void refusals() {
  CUarray array;
  auto create = [&](size_t w, size_t h, size_t d, CUarray_format format, unsigned channels, unsigned flags) {
    CUDA_ARRAY3D_DESCRIPTOR shape = {w, h, d, format, channels, flags};
    CUresult result = cuArray3DCreate(&array, &shape);
    if (result == CUDA_SUCCESS) cuArrayDestroy(array);
    return result;
  };
  const auto u8 = CU_AD_FORMAT_UNSIGNED_INT8;
  EXPECT(create(0, 0, 0, u8, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(create(8, 8, 0, u8, 3, 0) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(create(size_t{1} << 62, 4, 4, u8, 4, 0) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(create(8, 0, 8, u8, 1, 0) == CUDA_ERROR_INVALID_VALUE);  // a volume without height
  EXPECT(create(8, 8, 7, u8, 1, CUDA_ARRAY3D_CUBEMAP) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(create(8, 9, 6, u8, 1, CUDA_ARRAY3D_CUBEMAP) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(create(8, 8, 12, u8, 1, CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_LAYERED) == CUDA_SUCCESS);
  EXPECT(create(16384, 16384, 16384, CU_AD_FORMAT_FLOAT, 4, 0) == CUDA_ERROR_OUT_OF_MEMORY);
  int most;
  DRIVER(cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_WIDTH, 0));
  EXPECT(create(size_t(most), 1, 0, u8, 1, 0) == CUDA_SUCCESS);
  EXPECT(create(size_t(most) + 1, 1, 0, u8, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CUDA_ARRAY_MEMORY_REQUIREMENTS needs;
  CUarray real = make(10, 10, 0);
  DRIVER(cuArrayGetMemoryRequirements(&needs, real, 0));
  EXPECT(needs.size >= 400 && needs.alignment >= 1);
  DRIVER(cuArrayDestroy(real));
}

int main() {
  CUdevice device;
  CUcontext context;
  CUstream stream;
  DRIVER(cuInit(0));
  DRIVER(cuDeviceGet(&device, 0));
  DRIVER(cuDevicePrimaryCtxRetain(&context, device));
  DRIVER(cuCtxSetCurrent(context));
  DRIVER(cuStreamCreate(&stream, 0));
  rows(stream);
  rectangles(stream);
  boxes();
  refusals();
  DRIVER(cuDevicePrimaryCtxRelease(device));
  std::printf("array_copies: good\n");
}
