// Texture and surface objects: made at the device, whose 64-bit handle goes to kernels as it is; described here.
#include "client/cuda/textures.h"

#include <map>
#include <mutex>
#include <optional>

#include "client/cuda/arrays.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace client {
namespace {

struct Described {
  Context* context;
  bool surface;
  CUDA_RESOURCE_DESC resource;
  CUDA_TEXTURE_DESC how;
  std::optional<CUDA_RESOURCE_VIEW_DESC> view;
};

std::mutex lock;
std::map<unsigned long long, Described>& objects() {
  static auto* map = new std::map<unsigned long long, Described>;
  return *map;
}

void remember(unsigned long long object, Described described) {
  std::lock_guard hold(lock);
  objects()[object] = std::move(described);
}

CUresult find(unsigned long long object, bool surface, const void* result, Described& found) {
  if (CUresult bad = require_context()) return bad;
  std::lock_guard hold(lock);
  auto known = objects().find(object);
  if (!result || known == objects().end() || known->second.surface != surface) return CUDA_ERROR_INVALID_VALUE;
  found = known->second;
  return CUDA_SUCCESS;
}

CUresult forget(unsigned long long object, bool surface) {
  Described found;
  if (CUresult bad = find(object, surface, &found, found)) return bad;
  std::lock_guard hold(lock);
  objects().erase(object);
  return CUDA_SUCCESS;
}

}  // namespace

void forget_textures(const Context& context) {
  std::lock_guard hold(lock);
  std::erase_if(objects(), [&](const auto& entry) { return entry.second.context == &context; });
}

}  // namespace client

using namespace client;

OUTBOARD_EXPORT CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc,
                                           const CUDA_TEXTURE_DESC* pTexDesc,
                                           const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  if (CUresult bad = require_context()) return bad;
  if (!pTexObject || !pResDesc || !pTexDesc) return CUDA_ERROR_INVALID_VALUE;
  CUarray array = nullptr;
  CUmipmappedArray mipmapped = nullptr;
  if (pResDesc->resType == CU_RESOURCE_TYPE_ARRAY && !find_array(array = pResDesc->res.array.hArray))
    return CUDA_ERROR_INVALID_HANDLE;
  if (pResDesc->resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY &&
      !is_mipmapped_array(mipmapped = pResDesc->res.mipmap.hMipmappedArray))
    return CUDA_ERROR_INVALID_HANDLE;
  CUtexObject made = 0;
  if (CUresult bad = remote::obTextureCreate(&made, pResDesc, pTexDesc, pResViewDesc, array, mipmapped)) return bad;
  Described described{current(), false, *pResDesc, *pTexDesc, std::nullopt};
  if (pResViewDesc) described.view = *pResViewDesc;
  remember(made, std::move(described));
  *pTexObject = made;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuTexObjectDestroy(CUtexObject texObject) {
  if (CUresult bad = forget(texObject, false)) return bad;
  return remote::cuTexObjectDestroy(texObject);
}

OUTBOARD_EXPORT CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUtexObject texObject) {
  Described found;
  if (CUresult bad = find(texObject, false, pResDesc, found)) return bad;
  *pResDesc = found.resource;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC* pTexDesc, CUtexObject texObject) {
  Described found;
  if (CUresult bad = find(texObject, false, pTexDesc, found)) return bad;
  *pTexDesc = found.how;
  return CUDA_SUCCESS;
}

// An object without a view has none to describe (CUDA Driver API, cuTexObjectGetResourceViewDesc).
OUTBOARD_EXPORT CUresult cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC* pResViewDesc, CUtexObject texObject) {
  Described found;
  if (CUresult bad = find(texObject, false, pResViewDesc, found)) return bad;
  if (!found.view) return CUDA_ERROR_INVALID_VALUE;
  *pResViewDesc = *found.view;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  if (CUresult bad = require_context()) return bad;
  if (!pSurfObject || !pResDesc || pResDesc->resType != CU_RESOURCE_TYPE_ARRAY || pResDesc->flags)
    return CUDA_ERROR_INVALID_VALUE;
  CUarray array = pResDesc->res.array.hArray;
  if (!find_array(array)) return CUDA_ERROR_INVALID_HANDLE;
  CUsurfObject made = 0;
  if (CUresult bad = remote::obSurfaceCreate(&made, array)) return bad;
  remember(made, {current(), true, *pResDesc, {}, std::nullopt});
  *pSurfObject = made;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuSurfObjectDestroy(CUsurfObject surfObject) {
  if (CUresult bad = forget(surfObject, true)) return bad;
  return remote::cuSurfObjectDestroy(surfObject);
}

OUTBOARD_EXPORT CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUsurfObject surfObject) {
  Described found;
  if (CUresult bad = find(surfObject, true, pResDesc, found)) return bad;
  *pResDesc = found.resource;
  return CUDA_SUCCESS;
}
