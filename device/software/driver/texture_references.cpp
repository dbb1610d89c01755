// Texture references: the textures of programs older than texture objects (CUDA Driver API, "Texture Reference
// Management [DEPRECATED]"). What the program sets takes effect at once, after the work that still uses the old
// setting.
#include <algorithm>
#include <cstring>

#include "device/software/driver/array_shapes.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

// A samplerref's properties (PTX ISA, "Texture Sampler and Surface Types") as the driver's descriptor.
CUDA_TEXTURE_DESC sampler_of(const std::vector<std::pair<std::string, std::string>>& properties) {
  CUDA_TEXTURE_DESC how{};
  how.flags = CU_TRSF_NORMALIZED_COORDINATES;
  auto mode = [](const std::string& word) {
    return word == "wrap"              ? CU_TR_ADDRESS_MODE_WRAP
           : word == "mirror"          ? CU_TR_ADDRESS_MODE_MIRROR
           : word == "clamp_to_border" ? CU_TR_ADDRESS_MODE_BORDER
                                       : CU_TR_ADDRESS_MODE_CLAMP;
  };
  for (const auto& [property, value] : properties) {
    if (property.starts_with("addr_mode_") && property.size() == 11 && property[10] >= '0' && property[10] <= '2')
      how.addressMode[property[10] - '0'] = mode(value);
    if (property == "filter_mode")
      how.filterMode = value == "linear" ? CU_TR_FILTER_MODE_LINEAR : CU_TR_FILTER_MODE_POINT;
    if (property == "force_unnormalized_coords" && value != "0") how.flags = 0;
  }
  return how;
}

void set_handle(const TextureReference& reference) {
  uint64_t handle = reference.object ? reference.object->handle() : 0;
  if (reference.variable) std::memcpy(reinterpret_cast<void*>(reference.variable), &handle, sizeof handle);
}

CUresult bind_surface(TextureReference& reference) {
  Texture surface;
  std::shared_ptr<ArrayMemory> memory;
  if (CUresult bad = describe_surface(reference.resource.res.array.hArray, surface, memory)) return bad;
  reference.object = std::make_shared<TextureObject>(reference.context, surface, std::move(memory));
  return CUDA_SUCCESS;
}

// Makes the texture anew; a setting that does not go with the others yet leaves the reference without one.
void renew(Context& context, TextureReference& reference) {
  context.wait_all();
  reference.object.reset();
  Texture texture;
  std::shared_ptr<ArrayMemory> memory;
  CUDA_RESOURCE_DESC resource = reference.resource;
  if (resource.resType == CU_RESOURCE_TYPE_LINEAR)
    resource.res.linear.format = reference.format, resource.res.linear.numChannels = reference.channels;
  if (resource.resType == CU_RESOURCE_TYPE_PITCH2D)
    resource.res.pitch2D.format = reference.format, resource.res.pitch2D.numChannels = reference.channels;
  CUDA_TEXTURE_DESC how = reference.how;
  if (reference.bound && describe(resource, how, nullptr, texture, memory) == CUDA_SUCCESS)
    reference.object = std::make_shared<TextureObject>(reference.context, texture, std::move(memory));
  set_handle(reference);
}

CUresult find(const void* handle, std::shared_ptr<Context>& context, std::shared_ptr<TextureReference>& reference,
              bool surface = false) {
  if (CUresult bad = enter(context)) return bad;
  reference = device().texture_references.find(handle);
  return reference && reference->is_surface == surface ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// change(reference) answers an error, or what it changed takes effect.
template <class Change>
CUresult set(CUtexref handle, Change change) {
  std::shared_ptr<Context> context;
  std::shared_ptr<TextureReference> reference;
  if (CUresult bad = find(handle, context, reference)) return bad;
  std::lock_guard hold(reference->lock);
  if (CUresult bad = change(*reference)) return bad;
  renew(*context, *reference);
  return CUDA_SUCCESS;
}

// answer(reference) fills in what was asked for.
template <class Answer>
CUresult get(CUtexref handle, const void* result, Answer answer) {
  std::shared_ptr<Context> context;
  std::shared_ptr<TextureReference> reference;
  if (CUresult bad = find(handle, context, reference)) return bad;
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(reference->lock);
  return answer(*reference);
}

template <class T>
CUresult give(T* to, T value) {
  *to = value;
  return CUDA_SUCCESS;
}

CUresult bind(TextureReference& reference, const CUDA_RESOURCE_DESC& resource) {
  reference.resource = resource;
  reference.bound = true;
  return CUDA_SUCCESS;
}

}  // namespace

void make_references(Module& module) {
  for (const auto& variable : module.program->variables()) {
    if (variable.opaque.empty()) continue;
    auto made = std::make_unique<TextureReference>();
    made->context = module.context;
    made->name = variable.name;
    made->is_surface = variable.opaque == "surfref";
    made->variable = variable.address;
    if (variable.opaque == "samplerref") {
      Texture sampler;
      sampler.kind = Texture::sampler_alone;
      if (take_sampler(sampler_of(variable.properties), sampler) == CUDA_SUCCESS)
        made->object = std::make_shared<TextureObject>(module.context, sampler, nullptr);
    }
    set_handle(*made);
    module.references.push_back(std::move(made));
  }
}

CUresult cuTexRefCreate(CUtexref* pTexRef) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pTexRef) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_shared<TextureReference>();
  made->context = context.get();
  *pTexRef = reinterpret_cast<CUtexref>(device().texture_references.add(std::move(made)));
  return CUDA_SUCCESS;
}

CUresult cuTexRefDestroy(CUtexref hTexRef) {
  std::shared_ptr<Context> context;
  std::shared_ptr<TextureReference> reference;
  if (CUresult bad = find(hTexRef, context, reference)) return bad;
  if (reference->variable) return CUDA_ERROR_INVALID_HANDLE;  // a module's own
  device().texture_references.remove(hTexRef);
  return CUDA_SUCCESS;
}

CUresult cuTexRefSetArray(CUtexref hTexRef, CUarray hArray, unsigned int Flags) {
  if (Flags != CU_TRSA_OVERRIDE_FORMAT) return CUDA_ERROR_INVALID_VALUE;
  return set(hTexRef, [&](TextureReference& reference) {
    std::shared_ptr<Array> array = device().arrays.find(hArray);
    if (!array) return CUDA_ERROR_INVALID_HANDLE;
    reference.format = array->descriptor.Format, reference.channels = array->descriptor.NumChannels;
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = hArray;
    return bind(reference, resource);
  });
}

CUresult cuTexRefSetMipmappedArray(CUtexref hTexRef, CUmipmappedArray hMipmappedArray, unsigned int Flags) {
  if (Flags != CU_TRSA_OVERRIDE_FORMAT) return CUDA_ERROR_INVALID_VALUE;
  return set(hTexRef, [&](TextureReference& reference) {
    std::shared_ptr<MipmappedArray> array = device().mipmapped_arrays.find(hMipmappedArray);
    if (!array) return CUDA_ERROR_INVALID_HANDLE;
    reference.format = array->descriptor.Format, reference.channels = array->descriptor.NumChannels;
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
    resource.res.mipmap.hMipmappedArray = hMipmappedArray;
    return bind(reference, resource);
  });
}

// An address between two that textures may begin at: the program adds the offset to what it fetches.
CUresult cuTexRefSetAddress_v2(size_t* ByteOffset, CUtexref hTexRef, CUdeviceptr dptr, size_t bytes) {
  return set(hTexRef, [&](TextureReference& reference) {
    size_t offset = dptr % limit::texture_alignment;
    if (offset && !ByteOffset) return CUDA_ERROR_INVALID_VALUE;
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    resource.res.linear.devPtr = dptr - offset;
    resource.res.linear.sizeInBytes = bytes + offset;
    if (bytes + offset < bytes) return CUDA_ERROR_INVALID_VALUE;
    if (ByteOffset) *ByteOffset = offset;
    return bind(reference, resource);
  });
}

CUresult cuTexRefSetAddress2D_v3(CUtexref hTexRef, const CUDA_ARRAY_DESCRIPTOR* desc, CUdeviceptr dptr, size_t Pitch) {
  if (!desc) return CUDA_ERROR_INVALID_VALUE;
  return set(hTexRef, [&](TextureReference& reference) {
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_PITCH2D;
    resource.res.pitch2D = {dptr, desc->Format, desc->NumChannels, desc->Width, desc->Height, Pitch};
    reference.format = desc->Format, reference.channels = desc->NumChannels;
    return bind(reference, resource);
  });
}

CUresult cuTexRefSetAddress2D_v2(CUtexref hTexRef, const CUDA_ARRAY_DESCRIPTOR* desc, CUdeviceptr dptr, size_t Pitch) {
  return software::cuTexRefSetAddress2D_v3(hTexRef, desc, dptr, Pitch);
}

CUresult cuTexRefSetFormat(CUtexref hTexRef, CUarray_format fmt, int NumPackedComponents) {
  return set(hTexRef, [&](TextureReference& reference) {
    if (NumPackedComponents < 0 || !texel_format(fmt, static_cast<unsigned>(NumPackedComponents)))
      return CUDA_ERROR_INVALID_VALUE;
    reference.format = fmt, reference.channels = static_cast<unsigned>(NumPackedComponents);
    return CUDA_SUCCESS;
  });
}

CUresult cuTexRefSetAddressMode(CUtexref hTexRef, int dim, CUaddress_mode am) {
  return set(hTexRef, [&](TextureReference& reference) {
    if (dim < 0 || dim > 2 || am > CU_TR_ADDRESS_MODE_BORDER) return CUDA_ERROR_INVALID_VALUE;
    reference.how.addressMode[dim] = am;
    return CUDA_SUCCESS;
  });
}

#define SETTER(function, parameter, field, condition)      \
  CUresult function(CUtexref hTexRef, parameter) {         \
    return set(hTexRef, [&](TextureReference& reference) { \
      if (!(condition)) return CUDA_ERROR_INVALID_VALUE;   \
      reference.how.field = value;                         \
      return CUDA_SUCCESS;                                 \
    });                                                    \
  }
SETTER(cuTexRefSetFilterMode, CUfilter_mode value, filterMode, value <= CU_TR_FILTER_MODE_LINEAR)
SETTER(cuTexRefSetMipmapFilterMode, CUfilter_mode value, mipmapFilterMode, value <= CU_TR_FILTER_MODE_LINEAR)
SETTER(cuTexRefSetMipmapLevelBias, float value, mipmapLevelBias, true)
SETTER(cuTexRefSetMaxAnisotropy, unsigned int value, maxAnisotropy, true)
SETTER(cuTexRefSetFlags, unsigned int value, flags, value <= 0x7f)
#undef SETTER

CUresult cuTexRefSetMipmapLevelClamp(CUtexref hTexRef, float minMipmapLevelClamp, float maxMipmapLevelClamp) {
  return set(hTexRef, [&](TextureReference& reference) {
    reference.how.minMipmapLevelClamp = minMipmapLevelClamp;
    reference.how.maxMipmapLevelClamp = maxMipmapLevelClamp;
    return CUDA_SUCCESS;
  });
}

CUresult cuTexRefSetBorderColor(CUtexref hTexRef, float* pBorderColor) {
  if (!pBorderColor) return CUDA_ERROR_INVALID_VALUE;
  return set(hTexRef, [&](TextureReference& reference) {
    std::copy_n(pBorderColor, 4, reference.how.borderColor);
    return CUDA_SUCCESS;
  });
}

CUresult cuTexRefGetAddress_v2(CUdeviceptr* pdptr, CUtexref hTexRef) {
  return get(hTexRef, pdptr, [&](TextureReference& reference) {
    const CUDA_RESOURCE_DESC& resource = reference.resource;
    if (!reference.bound || resource.resType < CU_RESOURCE_TYPE_LINEAR) return CUDA_ERROR_INVALID_VALUE;
    bool linear = resource.resType == CU_RESOURCE_TYPE_LINEAR;
    return give(pdptr, linear ? resource.res.linear.devPtr : resource.res.pitch2D.devPtr);
  });
}

CUresult cuTexRefGetAddressMode(CUaddress_mode* pam, CUtexref hTexRef, int dim) {
  if (dim < 0 || dim > 2) return CUDA_ERROR_INVALID_VALUE;
  return get(hTexRef, pam, [&](TextureReference& reference) { return give(pam, reference.how.addressMode[dim]); });
}

CUresult cuTexRefGetFormat(CUarray_format* pFormat, int* pNumChannels, CUtexref hTexRef) {
  return get(hTexRef, pFormat, [&](TextureReference& reference) {
    if (pNumChannels) *pNumChannels = static_cast<int>(reference.channels);
    return give(pFormat, reference.format);
  });
}

CUresult cuTexRefGetFilterMode(CUfilter_mode* pfm, CUtexref hTexRef) {
  return get(hTexRef, pfm, [&](TextureReference& reference) { return give(pfm, reference.how.filterMode); });
}

CUresult cuTexRefGetMipmapFilterMode(CUfilter_mode* pfm, CUtexref hTexRef) {
  return get(hTexRef, pfm, [&](TextureReference& reference) { return give(pfm, reference.how.mipmapFilterMode); });
}

CUresult cuTexRefGetMipmapLevelBias(float* pbias, CUtexref hTexRef) {
  return get(hTexRef, pbias, [&](TextureReference& reference) { return give(pbias, reference.how.mipmapLevelBias); });
}

CUresult cuTexRefGetMipmapLevelClamp(float* pmin, float* pmax, CUtexref hTexRef) {
  return get(hTexRef, pmin, [&](TextureReference& reference) {
    if (pmax) *pmax = reference.how.maxMipmapLevelClamp;
    return give(pmin, reference.how.minMipmapLevelClamp);
  });
}

CUresult cuTexRefGetMaxAnisotropy(int* pmaxAniso, CUtexref hTexRef) {
  return get(hTexRef, pmaxAniso, [&](TextureReference& reference) {
    return give(pmaxAniso, static_cast<int>(reference.how.maxAnisotropy));
  });
}

CUresult cuTexRefGetBorderColor(float* pBorderColor, CUtexref hTexRef) {
  return get(hTexRef, pBorderColor, [&](TextureReference& reference) {
    std::copy_n(reference.how.borderColor, 4, pBorderColor);
    return CUDA_SUCCESS;
  });
}

CUresult cuTexRefGetFlags(unsigned int* pFlags, CUtexref hTexRef) {
  return get(hTexRef, pFlags, [&](TextureReference& reference) { return give(pFlags, reference.how.flags); });
}

CUresult cuSurfRefSetArray(CUsurfref hSurfRef, CUarray hArray, unsigned int Flags) {
  std::shared_ptr<Context> context;
  std::shared_ptr<TextureReference> reference;
  if (CUresult bad = find(hSurfRef, context, reference, true)) return bad;
  if (Flags) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(reference->lock);
  context->wait_all();
  reference->resource.res.array.hArray = hArray;
  if (CUresult bad = bind_surface(*reference)) return bad;
  set_handle(*reference);
  return CUDA_SUCCESS;
}

}  // namespace software
