// Texels of every format: as they are, as numbers from 0 or -1 to 1, as halves, through sRGB; from arrays, linear memory
// and pitched memory.
#include <cuda_fp16.h>

#include <type_traits>

#include "check.h"
#include "texture_model.h"

const int width = 12, height = 5;

template <class T>
__global__ void read_2d(cudaTextureObject_t texture, T* out) {
  for (int i = threadIdx.x; i < width * height; i += blockDim.x)
    out[i] = tex2D<T>(texture, float(i % width) + 0.5f, float(i / width) + 0.5f);
}

template <class T>
__global__ void read_1d(cudaTextureObject_t texture, T* out, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = tex1Dfetch<T>(texture, i - 2);
}

static cudaTextureDesc descriptor(cudaTextureReadMode mode) {
  cudaTextureDesc how = {};
  how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
  how.readMode = mode;
  return how;
}

template <class Out, class In>
static std::vector<Out> through_array(const std::vector<In>& texels, cudaTextureDesc how, cudaChannelFormatDesc format) {
  cudaArray_t array;
  CHECK(cudaMallocArray(&array, &format, width, height));
  CHECK(cudaMemcpy2DToArray(array, 0, 0, texels.data(), width * sizeof(In), width * sizeof(In), height,
                            cudaMemcpyHostToDevice));
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
  Out* out;
  CHECK(cudaMalloc(&out, width * height * sizeof(Out)));
  read_2d<<<1, 64>>>(texture, out);
  std::vector<Out> got(width * height);
  CHECK(cudaMemcpy(got.data(), out, got.size() * sizeof(Out), cudaMemcpyDeviceToHost));
  CHECK(cudaDestroyTextureObject(texture));
  CHECK(cudaFree(out));
  CHECK(cudaFreeArray(array));
  return got;
}

template <class V>
struct Parts {
  using Scalar = std::remove_reference_t<decltype(V{}.x)>;
  static const int count = sizeof(V) / sizeof(Scalar);
};

template <class V>
static std::vector<V> pattern() {
  std::vector<V> texels(width * height);
  auto* values = reinterpret_cast<typename Parts<V>::Scalar*>(texels.data());
  for (int i = 0; i < width * height * Parts<V>::count; ++i)
    values[i] = (typename Parts<V>::Scalar)((i * 2654435761u) >> 7);
  values[0] = (typename Parts<V>::Scalar)(-128);
  return texels;
}

// The texels come back as they are; and, where integers are narrow, as fractions of their largest value.
template <class V, class F>
static void check_integers() {
  using Scalar = typename Parts<V>::Scalar;
  auto texels = pattern<V>();
  auto same = through_array<V>(texels, descriptor(cudaReadModeElementType), cudaCreateChannelDesc<V>());
  const auto* given = reinterpret_cast<const Scalar*>(texels.data());
  const auto* got = reinterpret_cast<const Scalar*>(same.data());
  for (int i = 0; i < width * height * Parts<V>::count; ++i) EXPECT(got[i] == given[i]);
  if constexpr (sizeof(Scalar) < 4) {
    auto fractions = through_array<F>(texels, descriptor(cudaReadModeNormalizedFloat), cudaCreateChannelDesc<V>());
    const auto* parts = reinterpret_cast<const float*>(fractions.data());
    double largest = std::is_signed<Scalar>::value ? (1 << (sizeof(Scalar) * 8 - 1)) - 1 : (1 << sizeof(Scalar) * 8) - 1;
    for (int i = 0; i < width * height * Parts<V>::count; ++i)
      EXPECT(near(parts[i], std::fmax(-1.0, double(given[i]) / largest), 1e-7));
  }
}

static void check_half() {
  std::vector<ushort4> texels(width * height);
  for (int i = 0; i < width * height; ++i) {
    auto bits = [&](float value) { return __half_as_ushort(__float2half(value)); };
    texels[i] = {bits(float(i) / 8), bits(-float(i)), bits(ldexpf(float(i), -24)), bits(float(i * 1000))};
  }
  cudaChannelFormatDesc format = cudaCreateChannelDesc(16, 16, 16, 16, cudaChannelFormatKindFloat);
  auto got = through_array<float4>(texels, descriptor(cudaReadModeElementType), format);
  for (int i = 0; i < width * height; ++i) {
    EXPECT(got[i].x == float(i) / 8 && got[i].y == -float(i) && got[i].z == ldexpf(float(i), -24));
    EXPECT(got[i].w == __half2float(__ushort_as_half(texels[i].w)));
  }
}

static void check_srgb() {
  auto texels = pattern<uchar4>();
  cudaTextureDesc how = descriptor(cudaReadModeNormalizedFloat);
  how.sRGB = 1;
  auto got = through_array<float4>(texels, how, cudaCreateChannelDesc<uchar4>());
  auto linear = [](int value) {  // IEC 61966-2-1
    double v = value / 255.0;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  for (int i = 0; i < width * height; ++i) {
    EXPECT(near(got[i].x, linear(texels[i].x), 1e-6) && near(got[i].y, linear(texels[i].y), 1e-6));
    EXPECT(near(got[i].z, linear(texels[i].z), 1e-6) && near(got[i].w, texels[i].w / 255.0, 1e-6));
  }
}

// Linear memory has no modes: outside of it lies 0.
static void check_linear() {
  const int n = 100;
  std::vector<short2> texels(n);
  for (int i = 0; i < n; ++i) texels[i] = {short(i * 321), short(-i)};
  short2 *memory, *out;
  CHECK(cudaMalloc(&memory, n * sizeof(short2)));
  CHECK(cudaMalloc(&out, (n + 6) * sizeof(short2)));
  CHECK(cudaMemcpy(memory, texels.data(), n * sizeof(short2), cudaMemcpyHostToDevice));
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear.devPtr = memory;
  resource.res.linear.desc = cudaCreateChannelDesc<short2>();
  resource.res.linear.sizeInBytes = n * sizeof(short2);
  cudaTextureDesc how = {};
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
  read_1d<<<1, 32>>>(texture, out, n + 6);
  std::vector<short2> got(n + 6);
  CHECK(cudaMemcpy(got.data(), out, got.size() * sizeof(short2), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n + 6; ++i) {
    short2 expected = i >= 2 && i < n + 2 ? texels[i - 2] : short2{0, 0};
    EXPECT(got[i].x == expected.x && got[i].y == expected.y);
  }
  CHECK(cudaDestroyTextureObject(texture));
}

static void check_pitched() {
  std::vector<float> texels(width * height);
  for (int i = 0; i < width * height; ++i) texels[i] = float(i) * 0.75f;
  float *memory, *out;
  size_t pitch;
  CHECK(cudaMallocPitch(&memory, &pitch, width * sizeof(float), height));
  CHECK(cudaMemcpy2D(memory, pitch, texels.data(), width * sizeof(float), width * sizeof(float), height,
                     cudaMemcpyHostToDevice));
  CHECK(cudaMalloc(&out, width * height * sizeof(float)));
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypePitch2D;
  resource.res.pitch2D = {memory, cudaCreateChannelDesc<float>(), width, height, pitch};
  cudaTextureDesc how = descriptor(cudaReadModeElementType);
  how.filterMode = cudaFilterModeLinear;
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
  read_2d<<<1, 64>>>(texture, out);
  std::vector<float> got(width * height);
  CHECK(cudaMemcpy(got.data(), out, got.size() * sizeof(float), cudaMemcpyDeviceToHost));
  EXPECT(got == texels);
  CHECK(cudaDestroyTextureObject(texture));
}

int main() {
  check_integers<uchar1, float1>();
  check_integers<uchar4, float4>();
  check_integers<char2, float2>();
  check_integers<ushort1, float1>();
  check_integers<ushort2, float2>();
  check_integers<short4, float4>();
  check_integers<int1, float1>();
  check_integers<uint2, float2>();
  check_integers<int4, float4>();
  check_half();
  check_srgb();
  check_linear();
  check_pitched();
  std::printf("texture_formats: good\n");
}
