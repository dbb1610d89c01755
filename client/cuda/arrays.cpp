// CUDA arrays: made at the device, described here.
#include "client/cuda/arrays.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace client {
namespace {

struct Known {
  Context* context;
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  bool is_level = false;  // of a mipmapped array, which ends it
};
struct Mipmapped {
  Context* context;
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  std::map<unsigned, CUarray> levels;  // those the program asked for
};

std::mutex lock;
std::map<CUarray, Known>& arrays() {
  static auto* map = new std::map<CUarray, Known>;
  return *map;
}
std::map<CUmipmappedArray, Mipmapped>& mipmapped_arrays() {
  static auto* map = new std::map<CUmipmappedArray, Mipmapped>;
  return *map;
}

// Of one component; formats whose names say a number of channels have components of their own size, too.
size_t bytes_of(CUarray_format format) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
    case CU_AD_FORMAT_UNORM_INT16X1:
    case CU_AD_FORMAT_UNORM_INT16X2:
    case CU_AD_FORMAT_UNORM_INT16X4:
    case CU_AD_FORMAT_SNORM_INT16X1:
    case CU_AD_FORMAT_SNORM_INT16X2:
    case CU_AD_FORMAT_SNORM_INT16X4: return 2;
    default: return 1;
  }
}

CUDA_ARRAY3D_DESCRIPTOR level_shape(CUDA_ARRAY3D_DESCRIPTOR shape, unsigned level) {
  auto halve = [&](size_t& size) {
    if (size) size = std::max<size_t>(size >> level, 1);
  };
  halve(shape.Width);
  halve(shape.Height);
  if (!(shape.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP))) halve(shape.Depth);
  return shape;
}

CUresult describe(CUarray array, const void* result, CUDA_ARRAY3D_DESCRIPTOR& found) {
  if (CUresult bad = require_context()) return bad;
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  auto known = find_array(array);
  if (!known) return CUDA_ERROR_INVALID_HANDLE;
  found = *known;
  return CUDA_SUCCESS;
}

CUresult created(CUresult result, const CUarray* array, const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  if (result != CUDA_SUCCESS) return result;
  std::lock_guard hold(lock);
  arrays()[*array] = {current(), descriptor};
  return CUDA_SUCCESS;
}

}  // namespace

std::optional<CUDA_ARRAY3D_DESCRIPTOR> find_array(CUarray array) {
  std::lock_guard hold(lock);
  auto found = arrays().find(array);
  if (found == arrays().end()) return std::nullopt;
  return found->second.descriptor;
}

CUresult check_box(CUarray array, const ArrayBox& box) {
  auto shape = find_array(array);
  if (!shape) return CUDA_ERROR_INVALID_HANDLE;
  auto fits = [](size_t at, size_t size, size_t room) { return size <= room && at <= room - size; };
  bool inside = fits(box.x, box.width, shape->Width * bytes_of(shape->Format) * shape->NumChannels) &&
                fits(box.y, box.height, std::max<size_t>(shape->Height, 1)) &&
                fits(box.z, box.depth, std::max<size_t>(shape->Depth, 1));
  return inside ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

bool is_mipmapped_array(CUmipmappedArray array) {
  std::lock_guard hold(lock);
  return mipmapped_arrays().contains(array);
}

void forget_arrays(const Context& context) {
  std::lock_guard hold(lock);
  std::erase_if(arrays(), [&](const auto& entry) { return entry.second.context == &context; });
  std::erase_if(mipmapped_arrays(), [&](const auto& entry) { return entry.second.context == &context; });
}

}  // namespace client

using namespace client;

OUTBOARD_EXPORT CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  if (CUresult bad = require_context()) return bad;
  if (!pHandle || !pAllocateArray) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_ARRAY_DESCRIPTOR& flat = *pAllocateArray;
  return created(remote::cuArrayCreate_v2(pHandle, pAllocateArray), pHandle,
                 {flat.Width, flat.Height, 0, flat.Format, flat.NumChannels, 0});
}

OUTBOARD_EXPORT CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  if (CUresult bad = require_context()) return bad;
  if (!pHandle || !pAllocateArray) return CUDA_ERROR_INVALID_VALUE;
  return created(remote::cuArray3DCreate_v2(pHandle, pAllocateArray), pHandle, *pAllocateArray);
}

OUTBOARD_EXPORT CUresult cuArrayDestroy(CUarray hArray) {
  if (CUresult bad = require_context()) return bad;
  {
    std::lock_guard hold(lock);
    auto found = arrays().find(hArray);
    if (found == arrays().end() || found->second.is_level) return CUDA_ERROR_INVALID_HANDLE;
    arrays().erase(found);
  }
  return remote::cuArrayDestroy(hArray);
}

OUTBOARD_EXPORT CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  CUDA_ARRAY3D_DESCRIPTOR full;
  if (CUresult bad = describe(hArray, pArrayDescriptor, full)) return bad;
  *pArrayDescriptor = {full.Width, full.Height, full.Format, full.NumChannels};
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  CUDA_ARRAY3D_DESCRIPTOR full;
  if (CUresult bad = describe(hArray, pArrayDescriptor, full)) return bad;
  *pArrayDescriptor = full;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements, CUarray array,
                                                      CUdevice device) {
  if (CUresult bad = require_context()) return bad;
  int ordinal = server_ordinal(device);
  if (ordinal < 0) return CUDA_ERROR_INVALID_DEVICE;
  return remote::cuArrayGetMemoryRequirements(memoryRequirements, array, ordinal);
}

OUTBOARD_EXPORT CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle,
                                                const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                                unsigned int numMipmapLevels) {
  if (CUresult bad = require_context()) return bad;
  if (!pHandle || !pMipmappedArrayDesc) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult bad = remote::cuMipmappedArrayCreate(pHandle, pMipmappedArrayDesc, numMipmapLevels)) return bad;
  std::lock_guard hold(lock);
  mipmapped_arrays()[*pHandle] = {current(), *pMipmappedArrayDesc, {}};
  return CUDA_SUCCESS;
}

// A level has one handle, however often the program asks for it.
OUTBOARD_EXPORT CUresult cuMipmappedArrayGetLevel(CUarray* pLevelArray, CUmipmappedArray hMipmappedArray,
                                                  unsigned int level) {
  if (CUresult bad = require_context()) return bad;
  if (!pLevelArray) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(lock);
  auto found = mipmapped_arrays().find(hMipmappedArray);
  if (found == mipmapped_arrays().end()) return CUDA_ERROR_INVALID_HANDLE;
  CUarray& known = found->second.levels[level];
  if (!known) {
    CUarray made = nullptr;
    if (CUresult bad = remote::cuMipmappedArrayGetLevel(&made, hMipmappedArray, level)) {
      found->second.levels.erase(level);
      return bad;
    }
    known = made;
    arrays()[made] = {found->second.context, level_shape(found->second.descriptor, level), true};
  }
  *pLevelArray = known;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  if (CUresult bad = require_context()) return bad;
  std::map<unsigned, CUarray> levels;
  {
    std::lock_guard hold(lock);
    auto found = mipmapped_arrays().find(hMipmappedArray);
    if (found == mipmapped_arrays().end()) return CUDA_ERROR_INVALID_HANDLE;
    levels = std::move(found->second.levels);
    mipmapped_arrays().erase(found);
    for (const auto& [number, level] : levels) arrays().erase(level);
  }
  for (const auto& [number, level] : levels)  // their numbers are of no use any more
    if (CUresult bad = remote::cuArrayDestroy(level)) return bad;
  return remote::cuMipmappedArrayDestroy(hMipmappedArray);
}

OUTBOARD_EXPORT CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements,
                                                               CUmipmappedArray mipmap, CUdevice device) {
  if (CUresult bad = require_context()) return bad;
  int ordinal = server_ordinal(device);
  if (ordinal < 0) return CUDA_ERROR_INVALID_DEVICE;
  return remote::cuMipmappedArrayGetMemoryRequirements(memoryRequirements, mipmap, ordinal);
}
