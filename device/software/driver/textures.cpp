// Texture and surface objects: what the program's descriptors say becomes what the texture unit reads.
#include "device/software/driver/textures.h"

#include <algorithm>

#include "base/log.h"
#include "device/software/driver/array_shapes.h"
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

// By CUresourceViewFormat; behind the last one come the block-compressed ones.
struct ViewFormat {
  CUarray_format format;
  unsigned channels;
};
constexpr CUarray_format view_formats[] = {
    CU_AD_FORMAT_UNSIGNED_INT8,  CU_AD_FORMAT_SIGNED_INT8,  CU_AD_FORMAT_UNSIGNED_INT16, CU_AD_FORMAT_SIGNED_INT16,
    CU_AD_FORMAT_UNSIGNED_INT32, CU_AD_FORMAT_SIGNED_INT32, CU_AD_FORMAT_HALF,           CU_AD_FORMAT_FLOAT};

CUresult viewed_format(CUresourceViewFormat view, TexelFormat& format) {
  if (view == CU_RES_VIEW_FORMAT_NONE) return CUDA_SUCCESS;
  if (view > CU_RES_VIEW_FORMAT_UNSIGNED_BC7) return CUDA_ERROR_INVALID_VALUE;
  if (view >= CU_RES_VIEW_FORMAT_UNSIGNED_BC1) {
    base::log(base::Level::warn, "block-compressed textures are not supported", {});
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  constexpr unsigned channels[] = {1, 2, 4};
  unsigned index = view - CU_RES_VIEW_FORMAT_UINT_1X8;
  auto known = texel_format(view_formats[index / 3], channels[index % 3]);
  if (!known || known->bytes() != format.bytes()) return CUDA_ERROR_INVALID_VALUE;
  format = *known;
  return CUDA_SUCCESS;
}

void take_format(const TexelFormat& format, Texture& texture) {
  texture.channel = format.channel;
  texture.channels = static_cast<uint8_t>(format.channels);
  texture.normalised = format.normalised;
}

void take_shape(const CUDA_ARRAY3D_DESCRIPTOR& shape, Texture& texture) {
  texture.layered = shape.Flags & CUDA_ARRAY3D_LAYERED;
  texture.cube = shape.Flags & CUDA_ARRAY3D_CUBEMAP;
  texture.dimensions = shape.Height == 0 ? 1 : kind_of(shape) == ArrayKind::d3 ? 3 : 2;
}

CUresult take_levels(const std::vector<std::shared_ptr<Array>>& levels, const CUDA_RESOURCE_VIEW_DESC* view,
                     Texture& texture, TexelFormat& format) {
  size_t first = view ? view->firstMipmapLevel : 0, last = view ? view->lastMipmapLevel : levels.size() - 1;
  if (last >= levels.size() || first > last || last - first >= Texture::most_levels) return CUDA_ERROR_INVALID_VALUE;
  format = levels[first]->format;
  take_shape(levels[first]->descriptor, texture);
  texture.levels = static_cast<uint32_t>(last - first + 1);
  for (uint32_t i = 0; i < texture.levels; ++i) texture.level[i] = levels[first + i]->image();
  if (!view) return CUDA_SUCCESS;
  const CUDA_ARRAY3D_DESCRIPTOR& shape = levels[first]->descriptor;
  if (view->width != shape.Width || view->height != shape.Height) return CUDA_ERROR_INVALID_VALUE;
  bool slices = texture.layered || texture.cube;
  if (!slices) return view->depth == shape.Depth ? viewed_format(view->format, format) : CUDA_ERROR_INVALID_VALUE;
  uint32_t count = view->lastLayer - view->firstLayer + 1;
  bool whole = view->firstLayer == 0 && view->lastLayer == 0;  // a view that does not speak of layers
  if (!whole) {
    if (view->lastLayer >= shape.Depth || view->firstLayer > view->lastLayer || (texture.cube && count % 6))
      return CUDA_ERROR_INVALID_VALUE;
    for (uint32_t i = 0; i < texture.levels; ++i) {
      texture.level[i].texels += view->firstLayer * texture.level[i].slice;
      texture.level[i].depth = count;
    }
  }
  return viewed_format(view->format, format);
}

CUresult take_flat(CUdeviceptr pointer, const Extents& most, size_t width, size_t height, size_t pitch,
                   const TexelFormat& format, Texture& texture) {
  bool good = pointer && pointer % limit::texture_alignment == 0 && width >= 1 && width <= most.width && height >= 1 &&
              height <= std::max(most.height, 1u) && pitch / format.bytes() >= width;
  if (!good || !accessible(pointer, pitch * (height - 1) + width * format.bytes())) return CUDA_ERROR_INVALID_VALUE;
  texture.level[0] = {reinterpret_cast<uint8_t*>(pointer),
                      static_cast<uint32_t>(width),
                      static_cast<uint32_t>(height),
                      1,
                      pitch,
                      pitch * height};
  return CUDA_SUCCESS;
}

CUresult take_resource(const CUDA_RESOURCE_DESC& resource, const CUDA_RESOURCE_VIEW_DESC* view, Texture& texture,
                       TexelFormat& format, std::shared_ptr<ArrayMemory>& memory) {
  auto known = [&](CUarray_format wanted, unsigned channels) {
    auto found = texel_format(wanted, channels);
    if (found) format = *found;
    return found.has_value();
  };
  switch (resource.resType) {
    case CU_RESOURCE_TYPE_ARRAY: {
      auto array = device().arrays.find(resource.res.array.hArray);
      if (!array) return CUDA_ERROR_INVALID_HANDLE;
      memory = array->memory;
      return take_levels({array}, view, texture, format);
    }
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: {
      auto array = device().mipmapped_arrays.find(resource.res.mipmap.hMipmappedArray);
      if (!array) return CUDA_ERROR_INVALID_HANDLE;
      memory = array->levels[0]->memory;
      return take_levels(array->levels, view, texture, format);
    }
    case CU_RESOURCE_TYPE_LINEAR: {
      const auto& linear = resource.res.linear;
      if (view || !known(linear.format, linear.numChannels)) return CUDA_ERROR_INVALID_VALUE;
      texture.flat = true;
      size_t width = linear.sizeInBytes / format.bytes();
      return take_flat(linear.devPtr, {limit::linear_width, 0, 0}, width, 1, width * format.bytes(), format, texture);
    }
    case CU_RESOURCE_TYPE_PITCH2D: {
      const auto& pitched = resource.res.pitch2D;
      if (view || !known(pitched.format, pitched.numChannels)) return CUDA_ERROR_INVALID_VALUE;
      if (pitched.pitchInBytes % limit::texture_pitch_alignment || pitched.pitchInBytes > limit::pitched_bytes)
        return CUDA_ERROR_INVALID_VALUE;
      texture.dimensions = 2;
      return take_flat(pitched.devPtr, limit::pitched, pitched.width, pitched.height, pitched.pitchInBytes, format,
                       texture);
    }
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult make(Context& context, const Texture& texture, std::shared_ptr<ArrayMemory> memory, uint64_t& handle) {
  auto object = std::make_shared<TextureObject>(&context, texture, std::move(memory));
  if (!object->handle()) return CUDA_ERROR_OUT_OF_MEMORY;
  handle = object->handle();
  device().textures.add(std::move(object));
  return CUDA_SUCCESS;
}

CUresult destroy(uint64_t handle, Texture::Kind kind) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  context->wait_all();  // a kernel may still use it
  return device().textures.remove(handle, kind) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

CUresult take_sampler(const CUDA_TEXTURE_DESC& how, Texture& texture) {
  constexpr unsigned known = CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES | CU_TRSF_SRGB |
                             CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION | CU_TRSF_SEAMLESS_CUBEMAP;
  if (how.flags & ~known || how.filterMode > CU_TR_FILTER_MODE_LINEAR ||
      how.mipmapFilterMode > CU_TR_FILTER_MODE_LINEAR)
    return CUDA_ERROR_INVALID_VALUE;
  // Integers of 32 bits are never promoted to floats (CUDA Driver API, cuTexObjectCreate).
  bool narrow = bytes_of(texture.channel) < 4 && texture.channel != Channel::f16;
  texture.normalised = texture.normalised || (narrow && !(how.flags & CU_TRSF_READ_AS_INTEGER));
  texture.srgb = how.flags & CU_TRSF_SRGB && texture.channel == Channel::u8 && texture.normalised;
  Sampler& sampler = texture.sampler;
  for (int i = 0; i < 3; ++i) {
    if (how.addressMode[i] > CU_TR_ADDRESS_MODE_BORDER) return CUDA_ERROR_INVALID_VALUE;
    sampler.address[i] = static_cast<AddressMode>(how.addressMode[i]);
  }
  sampler.linear = how.filterMode == CU_TR_FILTER_MODE_LINEAR && !texture.flat;
  if (sampler.linear && !texture.gives_floats()) return CUDA_ERROR_INVALID_VALUE;
  sampler.linear_mipmaps = how.mipmapFilterMode == CU_TR_FILTER_MODE_LINEAR;
  sampler.normalised = how.flags & CU_TRSF_NORMALIZED_COORDINATES && !texture.flat;
  sampler.seamless = how.flags & CU_TRSF_SEAMLESS_CUBEMAP;
  sampler.bias = how.mipmapLevelBias;
  sampler.least = how.minMipmapLevelClamp;
  sampler.most = how.maxMipmapLevelClamp;
  std::copy_n(how.borderColor, 4, sampler.border);
  return CUDA_SUCCESS;
}

TextureObject::TextureObject(const void* context, const Texture& texture, std::shared_ptr<ArrayMemory> memory)
    : context_(context), texture_(texture), memory_(std::move(memory)), handle_(add_texture(&texture_)) {}

TextureObject::~TextureObject() { remove_texture(handle_); }

void TextureObjects::add(std::shared_ptr<TextureObject> object) {
  std::lock_guard hold(lock_);
  uint64_t handle = object->handle();
  objects_.emplace(handle, std::move(object));
}

std::shared_ptr<TextureObject> TextureObjects::remove(uint64_t handle, Texture::Kind kind) {
  std::lock_guard hold(lock_);
  auto found = objects_.find(handle);
  if (found == objects_.end() || found->second->kind() != kind) return nullptr;
  std::shared_ptr<TextureObject> object = std::move(found->second);
  objects_.erase(found);
  return object;
}

void TextureObjects::remove_of(const void* context) {
  std::lock_guard hold(lock_);
  std::erase_if(objects_, [&](const auto& entry) { return entry.second->context() == context; });
}

CUresult describe(const CUDA_RESOURCE_DESC& resource, const CUDA_TEXTURE_DESC& how, const CUDA_RESOURCE_VIEW_DESC* view,
                  Texture& texture, std::shared_ptr<ArrayMemory>& memory) {
  if (resource.flags) return CUDA_ERROR_INVALID_VALUE;
  TexelFormat format;
  if (CUresult bad = take_resource(resource, view, texture, format, memory)) return bad;
  take_format(format, texture);
  return take_sampler(how, texture);
}

CUresult describe_surface(CUarray array, Texture& surface, std::shared_ptr<ArrayMemory>& memory) {
  std::shared_ptr<Array> found = device().arrays.find(array);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!found->has(CUDA_ARRAY3D_SURFACE_LDST)) return CUDA_ERROR_INVALID_VALUE;
  surface.kind = Texture::surface;
  surface.level[0] = found->image();
  take_shape(found->descriptor, surface);
  take_format(found->format, surface);
  memory = found->memory;
  return CUDA_SUCCESS;
}

CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc,
                           const CUDA_TEXTURE_DESC* pTexDesc, const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pTexObject || !pResDesc || !pTexDesc) return CUDA_ERROR_INVALID_VALUE;
  Texture texture;
  std::shared_ptr<ArrayMemory> memory;
  if (CUresult bad = describe(*pResDesc, *pTexDesc, pResViewDesc, texture, memory)) return bad;
  uint64_t handle = 0;
  if (CUresult bad = make(*context, texture, std::move(memory), handle)) return bad;
  *pTexObject = handle;
  return CUDA_SUCCESS;
}

CUresult cuTexObjectDestroy(CUtexObject texObject) { return destroy(texObject, Texture::texture); }

CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pSurfObject || !pResDesc || pResDesc->resType != CU_RESOURCE_TYPE_ARRAY || pResDesc->flags)
    return CUDA_ERROR_INVALID_VALUE;
  Texture surface;
  std::shared_ptr<ArrayMemory> memory;
  if (CUresult bad = describe_surface(pResDesc->res.array.hArray, surface, memory)) return bad;
  uint64_t handle = 0;
  if (CUresult bad = make(*context, surface, std::move(memory), handle)) return bad;
  *pSurfObject = handle;
  return CUDA_SUCCESS;
}

CUresult cuSurfObjectDestroy(CUsurfObject surfObject) { return destroy(surfObject, Texture::surface); }

}  // namespace software
