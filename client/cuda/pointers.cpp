// What an address is (CUDA Driver API, "Unified Addressing"), from this process's own memory map.
#include <cstdint>
#include <cstring>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"

namespace {

using client::Kind;
using client::Range;

bool on_host(const Range& range) { return range.kind == Kind::pinned || range.kind == Kind::registered; }

template <class T>
CUresult put(void* data, T value) {
  std::memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult answer(void* data, CUpointer_attribute attribute, const Range& range, uint64_t address) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: return put(data, client::handle_of(range.context));
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: return put(data, uint32_t{on_host(range) ? 1u : 2u});
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return put(data, address);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (range.kind == Kind::device) return CUDA_ERROR_INVALID_VALUE;
      return put(data, address);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return put(data, uint32_t{range.kind == Kind::managed});
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return put(data, int{range.context->device});
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return put(data, range.address);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return put(data, size_t{range.size});
    case CU_POINTER_ATTRIBUTE_MAPPED: return put(data, uint32_t{1});
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: return put(data, range.address);
    default: return CUDA_ERROR_NOT_SUPPORTED;
  }
}

}  // namespace

OUTBOARD_EXPORT CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  auto range = client::find_range(ptr);
  if (!data || !range) return CUDA_ERROR_INVALID_VALUE;
  return answer(data, attribute, *range, ptr);
}

// An address of nobody's is no error here: its attributes are zeros.
OUTBOARD_EXPORT CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes,
                                                void** data, CUdeviceptr ptr) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  auto range = client::find_range(ptr);
  for (unsigned i = 0; i < numAttributes; ++i) {
    if (range && answer(data[i], attributes[i], *range, ptr) == CUDA_SUCCESS) continue;
    bool word = attributes[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE || attributes[i] == CU_POINTER_ATTRIBUTE_IS_MANAGED ||
                attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL || attributes[i] == CU_POINTER_ATTRIBUTE_MAPPED;
    if (attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL)
      put(data[i], int{-2});
    else if (word)
      put(data[i], uint32_t{0});
    else
      put(data[i], uint64_t{0});
  }
  return CUDA_SUCCESS;
}
