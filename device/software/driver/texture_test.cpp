// Arrays, textures and surfaces through the table: what descriptors may say, and what a kernel then finds behind a
// handle.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/log.h"
#include "device/device.h"
#include "device/software/driver/state.h"
#include "device/software/run/texture.h"

extern "C" const device::Driver* outboard_device(uint64_t memory_bytes);

namespace software {

Grouping grouping_of(uint32_t, uint32_t, uint32_t) { return {}; }
base::Result<std::unique_ptr<Program>> compile(std::span<const std::string>, const Allocate&) {
  return base::Error{"none"};
}

namespace {

struct TextureTest : testing::Test {
  TextureTest() : driver(*outboard_device(uint64_t{256} << 20)) {
    base::set_level(base::Level::error);
    EXPECT_EQ(driver.cuCtxCreate_v2(&context, 0, 0), CUDA_SUCCESS);
  }
  ~TextureTest() override {
    EXPECT_EQ(driver.cuCtxDestroy_v2(context), CUDA_SUCCESS);
    EXPECT_EQ(device().memory->used(), 0u);
    for (CUtexObject object : objects) EXPECT_EQ(find_texture(object), nullptr);  // gone with their context
  }

  CUarray array(size_t width, size_t height, size_t depth, unsigned flags = 0,
                CUarray_format format = CU_AD_FORMAT_FLOAT) {
    CUDA_ARRAY3D_DESCRIPTOR shape{width, height, depth, format, 1, flags};
    CUarray made = nullptr;
    EXPECT_EQ(driver.cuArray3DCreate_v2(&made, &shape), CUDA_SUCCESS);
    return made;
  }
  CUarray counted(size_t width, size_t height) {  // 0, 1, 2, ...
    CUarray made = array(width, height, 0);
    std::vector<float> texels(width * height);
    std::iota(texels.begin(), texels.end(), 0.0f);
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = texels.data(), copy.srcPitch = width * 4;
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY, copy.dstArray = made;
    copy.WidthInBytes = width * 4, copy.Height = height;
    EXPECT_EQ(driver.cuMemcpy2D_v2(&copy), CUDA_SUCCESS);
    return made;
  }
  static CUDA_RESOURCE_DESC of(CUarray array) {
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    return resource;
  }
  CUresult make(const CUDA_RESOURCE_DESC& resource, const CUDA_TEXTURE_DESC& how = {},
                const CUDA_RESOURCE_VIEW_DESC* view = nullptr) {
    CUtexObject object = 0;
    CUresult result = driver.cuTexObjectCreate(&object, &resource, &how, view);
    if (result == CUDA_SUCCESS) objects.push_back(object);
    return result;
  }

  const device::Driver& driver;
  CUcontext context = nullptr;
  std::vector<CUtexObject> objects;
};

constexpr size_t huge = std::numeric_limits<size_t>::max();

TEST_F(TextureTest, RefusesShapesThatNoArrayHas) {
  struct {
    CUDA_ARRAY3D_DESCRIPTOR shape;
    CUresult expected;
  } rows[] = {
      {{0, 0, 0, CU_AD_FORMAT_FLOAT, 1, 0}, CUDA_ERROR_INVALID_VALUE},
      {{huge, 0, 0, CU_AD_FORMAT_FLOAT, 1, 0}, CUDA_ERROR_INVALID_VALUE},
      {{huge / 2 + 1, 2, 0, CU_AD_FORMAT_FLOAT, 4, 0}, CUDA_ERROR_INVALID_VALUE},
      {{4, huge, huge, CU_AD_FORMAT_FLOAT, 1, 0}, CUDA_ERROR_INVALID_VALUE},
      {{4, 0, 4, CU_AD_FORMAT_FLOAT, 1, 0}, CUDA_ERROR_INVALID_VALUE},
      {{4, 4, 0, CU_AD_FORMAT_FLOAT, 3, 0}, CUDA_ERROR_INVALID_VALUE},
      {{4, 4, 0, static_cast<CUarray_format>(77), 1, 0}, CUDA_ERROR_NOT_SUPPORTED},
      {{4, 4, 0, CU_AD_FORMAT_BC1_UNORM, 4, 0}, CUDA_ERROR_NOT_SUPPORTED},
      {{4, 4, 0, CU_AD_FORMAT_FLOAT, 1, 0x8000}, CUDA_ERROR_INVALID_VALUE},
      {{4, 4, 0, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_SPARSE}, CUDA_ERROR_NOT_SUPPORTED},
      {{4, 4, 5, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_CUBEMAP}, CUDA_ERROR_INVALID_VALUE},
      {{4, 4, 7, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_LAYERED}, CUDA_ERROR_INVALID_VALUE},
      {{16384, 16384, 16384, CU_AD_FORMAT_FLOAT, 4, 0}, CUDA_ERROR_OUT_OF_MEMORY},
  };
  for (const auto& row : rows) {
    CUarray made = nullptr;
    CUmipmappedArray levels = nullptr;
    EXPECT_EQ(driver.cuArray3DCreate_v2(&made, &row.shape), row.expected) << &row - rows;
    EXPECT_NE(driver.cuMipmappedArrayCreate(&levels, &row.shape, 3), CUDA_SUCCESS) << &row - rows;
  }
  EXPECT_EQ(driver.cuArray3DCreate_v2(nullptr, &rows[0].shape), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(TextureTest, CountsTheLevelsOfAMipmappedArray) {
  CUDA_ARRAY3D_DESCRIPTOR shape{20, 5, 0, CU_AD_FORMAT_FLOAT, 1, 0};
  CUmipmappedArray levels = nullptr;
  ASSERT_EQ(driver.cuMipmappedArrayCreate(&levels, &shape, ~0u), CUDA_SUCCESS);
  const size_t sizes[][2] = {{20, 5}, {10, 2}, {5, 1}, {2, 1}, {1, 1}};
  CUarray level = nullptr;
  for (unsigned i = 0; i < 5; ++i) {
    ASSERT_EQ(driver.cuMipmappedArrayGetLevel(&level, levels, i), CUDA_SUCCESS);
    CUDA_ARRAY3D_DESCRIPTOR found;
    ASSERT_EQ(driver.cuArray3DGetDescriptor_v2(&found, level), CUDA_SUCCESS);
    EXPECT_EQ(found.Width, sizes[i][0]);
    EXPECT_EQ(found.Height, sizes[i][1]);
  }
  EXPECT_EQ(driver.cuMipmappedArrayGetLevel(&level, levels, 5), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMipmappedArrayGetLevel(&level, levels, ~0u), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMipmappedArrayDestroy(levels), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuMipmappedArrayDestroy(levels), CUDA_ERROR_INVALID_HANDLE);
  CUDA_ARRAY3D_DESCRIPTOR found;
  EXPECT_EQ(driver.cuArray3DGetDescriptor_v2(&found, level), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(TextureTest, RefusesDescriptorsThatMeanNoTexture) {
  CUDA_RESOURCE_DESC invented = of(reinterpret_cast<CUarray>(0x1234));
  EXPECT_EQ(make(invented), CUDA_ERROR_INVALID_HANDLE);
  invented.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
  EXPECT_EQ(make(invented), CUDA_ERROR_INVALID_HANDLE);
  invented.resType = static_cast<CUresourcetype>(9);
  EXPECT_EQ(make(invented), CUDA_ERROR_INVALID_VALUE);

  CUdeviceptr memory = 0;
  ASSERT_EQ(driver.cuMemAlloc_v2(&memory, 4096), CUDA_SUCCESS);
  CUDA_RESOURCE_DESC linear{};
  linear.resType = CU_RESOURCE_TYPE_LINEAR;
  auto with = [&](CUdeviceptr pointer, size_t size) {
    linear.res.linear = {pointer, CU_AD_FORMAT_FLOAT, 1, size};
    return make(linear);
  };
  EXPECT_EQ(with(memory, 4096), CUDA_SUCCESS);
  EXPECT_EQ(with(memory, 4100), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(with(memory, huge), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(with(memory, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(with(memory + 4, 64), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(with(0x200, 64), CUDA_ERROR_INVALID_VALUE);
  CUDA_RESOURCE_DESC pitched{};
  pitched.resType = CU_RESOURCE_TYPE_PITCH2D;
  auto rows = [&](size_t width, size_t height, size_t pitch) {
    pitched.res.pitch2D = {memory, CU_AD_FORMAT_FLOAT, 1, width, height, pitch};
    return make(pitched);
  };
  EXPECT_EQ(rows(64, 16, 256), CUDA_SUCCESS);
  EXPECT_EQ(rows(65, 16, 256), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(rows(64, 17, 256), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(rows(huge / 2, huge / 2, 256), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(rows(64, huge, huge), CUDA_ERROR_INVALID_VALUE);

  CUarray integers = array(8, 8, 0, 0, CU_AD_FORMAT_SIGNED_INT32);
  CUDA_TEXTURE_DESC how{};
  how.filterMode = CU_TR_FILTER_MODE_LINEAR;
  EXPECT_EQ(make(of(integers), how), CUDA_ERROR_INVALID_VALUE);  // integers of 32 bits are not filtered
  how = {};
  how.addressMode[2] = static_cast<CUaddress_mode>(4);
  EXPECT_EQ(make(of(integers), how), CUDA_ERROR_INVALID_VALUE);
  how = {};
  how.flags = 0x80;
  EXPECT_EQ(make(of(integers), how), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuMemFree_v2(memory), CUDA_SUCCESS);
}

TEST_F(TextureTest, ChecksViews) {
  CUarray layers = array(8, 8, 5, CUDA_ARRAY3D_LAYERED);
  auto view = [&](CUresourceViewFormat format, size_t width, unsigned level, unsigned first, unsigned last) {
    CUDA_RESOURCE_VIEW_DESC desc{};
    desc.format = format, desc.width = width, desc.height = 8, desc.depth = 5;
    desc.firstMipmapLevel = desc.lastMipmapLevel = level;
    desc.firstLayer = first, desc.lastLayer = last;
    return make(of(layers), {}, &desc);
  };
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_FLOAT_1X32, 8, 0, 1, 3), CUDA_SUCCESS);
  EXPECT_EQ(find_texture(objects.back())->level[0].depth, 3u);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_UINT_4X8, 8, 0, 0, 4), CUDA_SUCCESS);
  EXPECT_EQ(find_texture(objects.back())->channels, 4);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_FLOAT_2X32, 8, 0, 0, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_UNSIGNED_BC1, 8, 0, 0, 4), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(view(static_cast<CUresourceViewFormat>(99), 8, 0, 0, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_NONE, 9, 0, 0, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_NONE, 8, 1, 0, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_NONE, 8, 0, 3, 5), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(view(CU_RES_VIEW_FORMAT_NONE, 8, 0, 4, 2), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(TextureTest, KeepsMemoryForWhoeverStillReadsIt) {
  CUarray made = counted(4, 2);
  ASSERT_EQ(make(of(made)), CUDA_SUCCESS);
  ASSERT_EQ(driver.cuArrayDestroy(made), CUDA_SUCCESS);
  const Texture* texture = find_texture(objects[0]);
  ASSERT_NE(texture, nullptr);
  float last;
  std::memcpy(&last, texture->level[0].texels + 7 * sizeof last, sizeof last);
  EXPECT_EQ(last, 7);
  EXPECT_EQ(driver.cuSurfObjectDestroy(objects[0]), CUDA_ERROR_INVALID_VALUE);  // it is a texture
  EXPECT_EQ(driver.cuTexObjectDestroy(objects[0]), CUDA_SUCCESS);
  EXPECT_EQ(driver.cuTexObjectDestroy(objects[0]), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver.cuTexObjectDestroy(huge), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(find_texture(huge), nullptr);
  EXPECT_EQ(find_texture(0), nullptr);
}

// The unit itself: lanes that do not take part keep what they had, and no coordinate leads outside of the image.
TEST_F(TextureTest, SamplesTheLanesThatTakePart) {
  CUarray made = counted(8, 4);
  CUDA_TEXTURE_DESC how{};
  for (CUaddress_mode& mode : how.addressMode) mode = CU_TR_ADDRESS_MODE_MIRROR;
  how.filterMode = CU_TR_FILTER_MODE_LINEAR;
  how.flags = CU_TRSF_NORMALIZED_COORDINATES;
  ASSERT_EQ(make(of(made), how), CUDA_SUCCESS);
  TextureOperands operands{};
  const float wild[] = {
      0.25f,  1e30f,     -1e30f, std::numeric_limits<float>::infinity(), -0.0f, std::numeric_limits<float>::quiet_NaN(),
      1e-40f, -123456.7f};
  for (uint32_t lane = 0; lane < warp_size; ++lane) {
    operands.coordinate[0][lane] = std::bit_cast<uint32_t>(wild[lane % 8]);
    operands.coordinate[1][lane] = std::bit_cast<uint32_t>(wild[lane / 4]);
    operands.texel[0][lane] = 0xdeadbeef;
  }
  for (auto mode :
       {CU_TR_ADDRESS_MODE_WRAP, CU_TR_ADDRESS_MODE_CLAMP, CU_TR_ADDRESS_MODE_MIRROR, CU_TR_ADDRESS_MODE_BORDER}) {
    how.addressMode[0] = how.addressMode[1] = mode;
    ASSERT_EQ(make(of(made), how), CUDA_SUCCESS);
    TextureAction action;
    action.geometry = Geometry::d2;
    TextureOperands own = operands;
    outboard_texture(nullptr, 0x0000ffff, std::bit_cast<uint32_t>(action), objects.back(), 0, &own);
    for (uint32_t lane = 0; lane < warp_size; ++lane) {
      float value = std::bit_cast<float>(own.texel[0][lane]);
      if (lane < 16)
        EXPECT_TRUE(value >= 0 && value <= 31) << lane;
      else
        EXPECT_EQ(own.texel[0][lane], 0xdeadbeef) << lane;
    }
  }
}

// PTX ISA, "tex": the offset is added to the texels' indices; "tld4" gathers counter-clockwise.
TEST_F(TextureTest, StepsAsideAndGathers) {
  ASSERT_EQ(make(of(counted(8, 4))), CUDA_SUCCESS);
  TextureOperands operands{};
  for (uint32_t lane = 0; lane < warp_size; ++lane) {
    operands.coordinate[0][lane] = std::bit_cast<uint32_t>(static_cast<float>(lane % 8) + 0.5f);
    operands.coordinate[1][lane] = std::bit_cast<uint32_t>(1.5f);
    operands.offset[0][lane] = -2;
    operands.offset[1][lane] = 1;
  }
  TextureAction action;
  action.geometry = Geometry::d2;
  action.offset = true;
  outboard_texture(nullptr, ~0u, std::bit_cast<uint32_t>(action), objects[0], 0, &operands);
  for (int lane = 0; lane < 32; ++lane) {
    int column = std::max(lane % 8 - 2, 0);
    EXPECT_EQ(std::bit_cast<float>(operands.texel[0][lane]), static_cast<float>(2 * 8 + column));
  }
  action.offset = false;
  action.gather = 1;
  outboard_texture(nullptr, ~0u, std::bit_cast<uint32_t>(action), objects[0], 0, &operands);
  const int expected[] = {8 * 2 + 1, 8 * 2 + 2, 8 + 2, 8 + 1};  // those around (1.5, 1.5)
  for (int i = 0; i < 4; ++i) {
    float value = std::bit_cast<float>(operands.texel[i][1]);
    EXPECT_EQ(value, static_cast<float>(expected[i])) << i;
  }
}

}  // namespace
}  // namespace software
