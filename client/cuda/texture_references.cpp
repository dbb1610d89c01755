// Texture references of old programs: handles of the device's, and which array is bound to which, because the device
// knows arrays by other names.
#include <map>
#include <mutex>

#include "client/cuda/arrays.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/modules.h"
#include "client/session.h"

namespace {

// By handle of a texture or surface reference: what is bound to it.
struct Bound {
  CUarray array = nullptr;
  CUmipmappedArray mipmapped = nullptr;
};
std::mutex lock;
std::map<const void*, Bound>& bound() {
  static auto* map = new std::map<const void*, Bound>;
  return *map;
}

void bind(const void* reference, Bound now) {
  std::lock_guard hold(lock);
  bound()[reference] = now;
}

Bound bound_to(const void* reference) {
  std::lock_guard hold(lock);
  auto found = bound().find(reference);
  return found == bound().end() ? Bound{} : found->second;
}

CUresult find(CUmodule handle, const void* result, const char* name, CUmodule& module) {
  if (CUresult bad = client::require_context()) return bad;
  client::Module* found = client::find_module(handle);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!result || !name) return CUDA_ERROR_INVALID_VALUE;
  module = reinterpret_cast<CUmodule>(found->number);
  return CUDA_SUCCESS;
}

template <class T>
CUresult give(T* to, T value) {
  if (CUresult bad = client::require_context()) return bad;
  if (!to || !value) return CUDA_ERROR_INVALID_VALUE;
  *to = value;
  return CUDA_SUCCESS;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuModuleGetTexRef(CUtexref* pTexRef, CUmodule hmod, const char* name) {
  CUmodule module = nullptr;
  if (CUresult bad = find(hmod, pTexRef, name, module)) return bad;
  CUtexref found = nullptr;
  if (CUresult bad = remote::obModuleTexRef(&found, module, name)) return bad;
  *pTexRef = found;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuModuleGetSurfRef(CUsurfref* pSurfRef, CUmodule hmod, const char* name) {
  CUmodule module = nullptr;
  if (CUresult bad = find(hmod, pSurfRef, name, module)) return bad;
  CUsurfref found = nullptr;
  if (CUresult bad = remote::obModuleSurfRef(&found, module, name)) return bad;
  *pSurfRef = found;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuTexRefSetArray(CUtexref hTexRef, CUarray hArray, unsigned int Flags) {
  if (CUresult bad = client::require_context()) return bad;
  if (Flags != CU_TRSA_OVERRIDE_FORMAT) return CUDA_ERROR_INVALID_VALUE;
  if (!client::find_array(hArray)) return CUDA_ERROR_INVALID_HANDLE;
  bind(hTexRef, {hArray, nullptr});
  return remote::cuTexRefSetArray(hTexRef, hArray, Flags);
}

OUTBOARD_EXPORT CUresult cuTexRefSetMipmappedArray(CUtexref hTexRef, CUmipmappedArray hMipmappedArray,
                                                   unsigned int Flags) {
  if (CUresult bad = client::require_context()) return bad;
  if (Flags != CU_TRSA_OVERRIDE_FORMAT) return CUDA_ERROR_INVALID_VALUE;
  if (!client::is_mipmapped_array(hMipmappedArray)) return CUDA_ERROR_INVALID_HANDLE;
  bind(hTexRef, {nullptr, hMipmappedArray});
  return remote::cuTexRefSetMipmappedArray(hTexRef, hMipmappedArray, Flags);
}

OUTBOARD_EXPORT CUresult cuTexRefGetArray(CUarray* phArray, CUtexref hTexRef) {
  return give(phArray, bound_to(hTexRef).array);
}

OUTBOARD_EXPORT CUresult cuTexRefGetMipmappedArray(CUmipmappedArray* phMipmappedArray, CUtexref hTexRef) {
  return give(phMipmappedArray, bound_to(hTexRef).mipmapped);
}

OUTBOARD_EXPORT CUresult cuSurfRefSetArray(CUsurfref hSurfRef, CUarray hArray, unsigned int Flags) {
  if (CUresult bad = client::require_context()) return bad;
  if (Flags) return CUDA_ERROR_INVALID_VALUE;
  auto array = client::find_array(hArray);
  if (!array) return CUDA_ERROR_INVALID_HANDLE;
  if (!(array->Flags & CUDA_ARRAY3D_SURFACE_LDST)) return CUDA_ERROR_INVALID_VALUE;
  bind(hSurfRef, {hArray, nullptr});
  return remote::cuSurfRefSetArray(hSurfRef, hArray, Flags);
}

OUTBOARD_EXPORT CUresult cuSurfRefGetArray(CUarray* phArray, CUsurfref hSurfRef) {
  return give(phArray, bound_to(hSurfRef).array);
}
