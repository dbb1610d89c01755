// Making and describing arrays, and the levels of mipmapped ones.
#include "device/software/driver/arrays.h"

#include <algorithm>

#include "device/software/driver/array_shapes.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

constexpr size_t level_alignment = limit::texture_alignment;

// Bytes of an array of that shape, 0: more than there are addresses.
size_t bytes_of(const CUDA_ARRAY3D_DESCRIPTOR& shape, const TexelFormat& format) {
  size_t size = format.bytes();
  for (size_t extent : {shape.Width, shape.Height, shape.Depth})
    if (__builtin_mul_overflow(size, extent ? extent : 1, &size)) return 0;
  return size;
}

CUresult allocate(Context& context, size_t bytes, std::shared_ptr<ArrayMemory>& memory) {
  if (!bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  uint64_t address = device().memory->allocate(bytes, MemoryKind::array, &context);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  memory = std::make_shared<ArrayMemory>(address);
  return CUDA_SUCCESS;
}

CUresult check(const CUDA_ARRAY3D_DESCRIPTOR& shape, TexelFormat& format) {
  unsigned channels = shape.NumChannels;
  if (channels != 1 && channels != 2 && channels != 4 && channels != 3) return CUDA_ERROR_INVALID_VALUE;
  auto known = texel_format(shape.Format, channels);
  if (!known) return channels == 3 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
  format = *known;
  return check_shape(shape);
}

CUresult create(CUarray* handle, const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  auto array = std::make_shared<Array>();
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult bad = check(shape, array->format)) return bad;
  array->context = context.get();
  array->descriptor = shape;
  if (CUresult bad = allocate(*context, bytes_of(shape, array->format), array->memory)) return bad;
  array->address = array->memory->address();
  *handle = reinterpret_cast<CUarray>(device().arrays.add(std::move(array)));
  return CUDA_SUCCESS;
}

CUresult create_levels(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& shape, unsigned count, MipmappedArray& made) {
  TexelFormat format;
  if (CUresult bad = check(shape, format)) return bad;
  if (CUresult bad = check_mipmapped_shape(shape)) return bad;
  std::vector<size_t> offsets;
  size_t total = 0;
  for (unsigned i = 0; i < count; ++i) {
    size_t bytes = bytes_of(level_shape(shape, i), format);
    offsets.push_back(total);
    if (!bytes || __builtin_add_overflow(total, bytes + level_alignment - 1, &total)) return CUDA_ERROR_OUT_OF_MEMORY;
    total -= total % level_alignment;
  }
  std::shared_ptr<ArrayMemory> memory;
  if (CUresult bad = allocate(context, total, memory)) return bad;
  for (unsigned i = 0; i < count; ++i) {
    auto level = std::make_shared<Array>();
    *level = {&context, level_shape(shape, i), format, memory, memory->address() + offsets[i]};
    made.levels.push_back(std::move(level));
  }
  return CUDA_SUCCESS;
}

CUresult find(CUarray handle, const void* result, std::shared_ptr<Array>& array) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  array = device().arrays.find(handle);
  return array ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

ArrayMemory::~ArrayMemory() { device().memory->free(address_); }

Image Array::image() const {
  auto narrow = [](size_t size) { return static_cast<uint32_t>(size); };
  return {reinterpret_cast<uint8_t*>(address),
          narrow(descriptor.Width),
          narrow(rows()),
          narrow(slices()),
          pitch(),
          pitch() * rows()};
}

CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  if (!pAllocateArray) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_ARRAY_DESCRIPTOR& flat = *pAllocateArray;
  return create(pHandle, {flat.Width, flat.Height, 0, flat.Format, flat.NumChannels, 0});
}

CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  return pAllocateArray ? create(pHandle, *pAllocateArray) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuArrayDestroy(CUarray hArray) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<Array> array = device().arrays.find(hArray);
  if (!array) return CUDA_ERROR_INVALID_HANDLE;
  context->wait_all();  // of a level, the handle is forgotten: its memory is the mipmapped array's
  device().arrays.remove(hArray);
  return CUDA_SUCCESS;
}

CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  std::shared_ptr<Array> array;
  if (CUresult bad = find(hArray, pArrayDescriptor, array)) return bad;
  const CUDA_ARRAY3D_DESCRIPTOR& full = array->descriptor;
  *pArrayDescriptor = {full.Width, full.Height, full.Format, full.NumChannels};
  return CUDA_SUCCESS;
}

CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  std::shared_ptr<Array> array;
  if (CUresult bad = find(hArray, pArrayDescriptor, array)) return bad;
  *pArrayDescriptor = array->descriptor;
  return CUDA_SUCCESS;
}

CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements, CUarray array, CUdevice dev) {
  std::shared_ptr<Array> found;
  if (CUresult bad = find(array, memoryRequirements, found)) return bad;
  if (dev != 0) return CUDA_ERROR_INVALID_DEVICE;
  *memoryRequirements = {found->bytes(), Memory::granule, {}};
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                unsigned int numMipmapLevels) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pHandle || !pMipmappedArrayDesc || numMipmapLevels == 0) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_shared<MipmappedArray>();
  made->context = context.get();
  made->descriptor = *pMipmappedArrayDesc;
  unsigned count = std::min(numMipmapLevels, most_levels(*pMipmappedArrayDesc));
  if (CUresult bad = create_levels(*context, made->descriptor, std::max(count, 1u), *made)) return bad;
  *pHandle = reinterpret_cast<CUmipmappedArray>(device().mipmapped_arrays.add(std::move(made)));
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayGetLevel(CUarray* pLevelArray, CUmipmappedArray hMipmappedArray, unsigned int level) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<MipmappedArray> found = device().mipmapped_arrays.find(hMipmappedArray);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!pLevelArray || level >= found->levels.size()) return CUDA_ERROR_INVALID_VALUE;
  *pLevelArray = reinterpret_cast<CUarray>(device().arrays.add(found->levels[level]));
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<MipmappedArray> found = device().mipmapped_arrays.remove(hMipmappedArray);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  context->wait_all();
  for (const auto& level : found->levels) device().arrays.remove(level.get());
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements,
                                               CUmipmappedArray mipmap, CUdevice dev) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::shared_ptr<MipmappedArray> found = device().mipmapped_arrays.find(mipmap);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!memoryRequirements) return CUDA_ERROR_INVALID_VALUE;
  if (dev != 0) return CUDA_ERROR_INVALID_DEVICE;
  size_t bytes = 0;
  for (const auto& level : found->levels)
    bytes += (level->bytes() + level_alignment - 1) / level_alignment * level_alignment;
  *memoryRequirements = {bytes, Memory::granule, {}};
  return CUDA_SUCCESS;
}

}  // namespace software
