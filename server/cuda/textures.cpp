// Objects whose descriptors name arrays: the handles travel beside them.
#include "server/cuda/worker.h"

namespace worker {

CUresult obTextureCreate(CUtexObject* object, const CUDA_RESOURCE_DESC* resource, const CUDA_TEXTURE_DESC* how,
                         const CUDA_RESOURCE_VIEW_DESC* view, CUarray array, CUmipmappedArray mipmapped) {
  if (!resource) return CUDA_ERROR_INVALID_VALUE;
  CUDA_RESOURCE_DESC own = *resource;
  if (own.resType == CU_RESOURCE_TYPE_ARRAY) own.res.array.hArray = array;
  if (own.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) own.res.mipmap.hMipmappedArray = mipmapped;
  return session().driver().cuTexObjectCreate(object, &own, how, view);
}

CUresult obSurfaceCreate(CUsurfObject* object, CUarray array) {
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_ARRAY;
  resource.res.array.hArray = array;
  return session().driver().cuSurfObjectCreate(object, &resource);
}

CUresult obModuleTexRef(CUtexref* reference, CUmodule module, const char* name) {
  return session().driver().cuModuleGetTexRef(reference, module, name);
}

CUresult obModuleSurfRef(CUsurfref* reference, CUmodule module, const char* name) {
  return session().driver().cuModuleGetSurfRef(reference, module, name);
}

}  // namespace worker
