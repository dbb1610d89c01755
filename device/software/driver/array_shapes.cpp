#include "device/software/driver/array_shapes.h"

#include <algorithm>
#include <bit>

#include "device/software/driver/arrays.h"

namespace software {
namespace {

bool fits(const CUDA_ARRAY3D_DESCRIPTOR& shape, const Extents& most) {
  auto within = [](size_t size, unsigned largest) { return largest ? size >= 1 && size <= largest : size == 0; };
  return within(shape.Width, most.width) && within(shape.Height, most.height) && within(shape.Depth, most.depth);
}

struct Named {
  CUarray_format format;
  Channel channel;
  unsigned channels;  // 0: the descriptor says how many
  bool normalised;
};
constexpr Named formats[] = {
    {CU_AD_FORMAT_UNSIGNED_INT8, Channel::u8, 0, false},   {CU_AD_FORMAT_SIGNED_INT8, Channel::s8, 0, false},
    {CU_AD_FORMAT_UNSIGNED_INT16, Channel::u16, 0, false}, {CU_AD_FORMAT_SIGNED_INT16, Channel::s16, 0, false},
    {CU_AD_FORMAT_UNSIGNED_INT32, Channel::u32, 0, false}, {CU_AD_FORMAT_SIGNED_INT32, Channel::s32, 0, false},
    {CU_AD_FORMAT_HALF, Channel::f16, 0, false},           {CU_AD_FORMAT_FLOAT, Channel::f32, 0, false},
    {CU_AD_FORMAT_UNORM_INT8X1, Channel::u8, 1, true},     {CU_AD_FORMAT_UNORM_INT8X2, Channel::u8, 2, true},
    {CU_AD_FORMAT_UNORM_INT8X4, Channel::u8, 4, true},     {CU_AD_FORMAT_UNORM_INT16X1, Channel::u16, 1, true},
    {CU_AD_FORMAT_UNORM_INT16X2, Channel::u16, 2, true},   {CU_AD_FORMAT_UNORM_INT16X4, Channel::u16, 4, true},
    {CU_AD_FORMAT_SNORM_INT8X1, Channel::s8, 1, true},     {CU_AD_FORMAT_SNORM_INT8X2, Channel::s8, 2, true},
    {CU_AD_FORMAT_SNORM_INT8X4, Channel::s8, 4, true},     {CU_AD_FORMAT_SNORM_INT16X1, Channel::s16, 1, true},
    {CU_AD_FORMAT_SNORM_INT16X2, Channel::s16, 2, true},   {CU_AD_FORMAT_SNORM_INT16X4, Channel::s16, 4, true},
};

}  // namespace

std::optional<TexelFormat> texel_format(CUarray_format format, unsigned channels) {
  if (channels != 1 && channels != 2 && channels != 4) return std::nullopt;
  for (const Named& row : formats)
    if (row.format == format && (row.channels == 0 || row.channels == channels))
      return TexelFormat{row.channel, channels, row.normalised};
  return std::nullopt;
}

ArrayKind kind_of(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  bool layered = shape.Flags & CUDA_ARRAY3D_LAYERED, cube = shape.Flags & CUDA_ARRAY3D_CUBEMAP;
  if (cube) {
    bool faces = layered ? shape.Depth % 6 == 0 : shape.Depth == 6;
    return shape.Width == shape.Height && faces ? (layered ? ArrayKind::layered_cube : ArrayKind::cube)
                                                : ArrayKind::none;
  }
  if (layered) return shape.Height ? ArrayKind::layered_2d : ArrayKind::layered_1d;
  return shape.Depth ? ArrayKind::d3 : shape.Height ? ArrayKind::d2 : ArrayKind::d1;
}

CUresult check_shape(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  constexpr unsigned known = CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST | CUDA_ARRAY3D_CUBEMAP |
                             CUDA_ARRAY3D_TEXTURE_GATHER | CUDA_ARRAY3D_DEPTH_TEXTURE | CUDA_ARRAY3D_COLOR_ATTACHMENT;
  constexpr unsigned unsupported =
      CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING | CUDA_ARRAY3D_VIDEO_ENCODE_DECODE;
  if (shape.Flags & unsupported) return CUDA_ERROR_NOT_SUPPORTED;
  if (shape.Flags & ~known) return CUDA_ERROR_INVALID_VALUE;
  ArrayKind kind = kind_of(shape);
  if (kind == ArrayKind::none) return CUDA_ERROR_INVALID_VALUE;
  bool good =
      fits(shape, limit::textures_of(kind)) || (kind == ArrayKind::d3 && fits(shape, limit::texture_3d_alternate));
  if (shape.Flags & CUDA_ARRAY3D_SURFACE_LDST) good = good && fits(shape, limit::surfaces_of(kind));
  if (shape.Flags & CUDA_ARRAY3D_TEXTURE_GATHER)
    good = good && kind != ArrayKind::d1 && kind != ArrayKind::d3 && kind != ArrayKind::layered_1d &&
           shape.Width <= limit::gather.width && shape.Height <= limit::gather.height;
  return good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult check_mipmapped_shape(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  if (CUresult bad = check_shape(shape)) return bad;
  ArrayKind kind = kind_of(shape);
  bool good = true;
  if (kind == ArrayKind::d1) good = shape.Width <= limit::mipmapped_1d;
  if (kind == ArrayKind::d2) good = fits(shape, limit::mipmapped_2d);
  return good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

unsigned most_levels(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  bool deep = kind_of(shape) == ArrayKind::d3;
  size_t longest = std::max({shape.Width, shape.Height, deep ? shape.Depth : 0});
  return static_cast<unsigned>(std::bit_width(longest));
}

CUDA_ARRAY3D_DESCRIPTOR level_shape(const CUDA_ARRAY3D_DESCRIPTOR& shape, unsigned level) {
  CUDA_ARRAY3D_DESCRIPTOR made = shape;
  auto halved = [&](size_t size) { return size ? std::max<size_t>(size >> level, 1) : 0; };
  made.Width = halved(shape.Width);
  made.Height = halved(shape.Height);
  if (kind_of(shape) == ArrayKind::d3) made.Depth = halved(shape.Depth);
  return made;
}

}  // namespace software
