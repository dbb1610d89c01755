// Addresses and memory apart (CUDA Driver API, "Virtual Memory Management"), and memory of other processes. Both live
// at the device; here is what the program may ask back, and the device's ordinals as the program counts them.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"

namespace {

using Handle = CUmemGenericAllocationHandle;

// A descriptor that this process exports is a file with these bytes in it: the memory itself is at the device.
struct Exported {
  char mark[8] = {'O', 'u', 't', 'b', 'M', 'e', 'm', '1'};
  SharedToken token{};
  CUmemAllocationProp properties{};
};

struct Memory {
  CUmemAllocationProp properties{};
  size_t references = 1;  // cuMemCreate and cuMemRetainAllocationHandle
};
struct Mapping {
  uint64_t size = 0;
  Handle handle = 0;
};
struct State {
  std::mutex lock;
  std::map<Handle, Memory> memory;
  std::map<uint64_t, Mapping> mappings;  // by address
};
State& state() {
  static auto* made = new State;  // outlives the program's destructors
  return *made;
}

// These functions need no context.
CUresult begin() {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  client::current_context() = 0;
  return CUDA_SUCCESS;
}

CUresult translate(CUmemLocation& location) {
  if (location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_SUCCESS;
  location.id = client::server_ordinal(location.id);
  return location.id < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

}  // namespace

OUTBOARD_EXPORT CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop,
                                                       CUmemAllocationGranularity_flags option) {
  if (CUresult result = begin()) return result;
  if (!granularity || !prop) return CUDA_ERROR_INVALID_VALUE;
  CUmemAllocationProp translated = *prop;
  if (CUresult result = translate(translated.location)) return result;
  return remote::cuMemGetAllocationGranularity(granularity, &translated, option);
}

OUTBOARD_EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                                     unsigned long long flags) {
  if (CUresult result = begin()) return result;
  if (!handle || !prop) return CUDA_ERROR_INVALID_VALUE;
  CUmemAllocationProp translated = *prop;
  translated.win32HandleMetaData = nullptr;
  if (CUresult result = translate(translated.location)) return result;
  if (CUresult result = remote::cuMemCreate(handle, size, &translated, flags)) return result;
  std::lock_guard hold(state().lock);
  state().memory[*handle] = {*prop, 1};
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  if (CUresult result = begin()) return result;
  {
    std::lock_guard hold(state().lock);
    auto found = state().memory.find(handle);
    if (found == state().memory.end()) return CUDA_ERROR_INVALID_VALUE;
    if (--found->second.references) return CUDA_SUCCESS;
    state().memory.erase(found);
  }
  return remote::cuMemRelease(handle);
}

OUTBOARD_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* addr) {
  if (CUresult result = begin()) return result;
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  auto address = reinterpret_cast<uint64_t>(addr);
  std::lock_guard hold(state().lock);
  auto after = state().mappings.upper_bound(address);
  if (after == state().mappings.begin()) return CUDA_ERROR_INVALID_VALUE;
  const auto& [start, mapping] = *std::prev(after);
  auto memory = state().memory.find(mapping.handle);
  // A handle that the program has released is gone with its number; the mapping alone keeps the memory.
  if (address - start >= mapping.size || memory == state().memory.end()) return CUDA_ERROR_INVALID_VALUE;
  ++memory->second.references;
  *handle = mapping.handle;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop,
                                                                CUmemGenericAllocationHandle handle) {
  if (CUresult result = begin()) return result;
  std::lock_guard hold(state().lock);
  auto found = state().memory.find(handle);
  if (!prop || found == state().memory.end()) return CUDA_ERROR_INVALID_VALUE;
  *prop = found->second.properties;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                                             unsigned long long flags) {
  if (CUresult result = begin()) return result;
  return ptr ? remote::cuMemAddressReserve(ptr, size, alignment, addr, flags) : CUDA_ERROR_INVALID_VALUE;
}

OUTBOARD_EXPORT CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  if (CUresult result = begin()) return result;
  return remote::cuMemAddressFree(ptr, size);
}

OUTBOARD_EXPORT CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                                  unsigned long long flags) {
  if (CUresult result = begin()) return result;
  CUdevice device = 0;
  {
    std::lock_guard hold(state().lock);
    auto found = state().memory.find(handle);
    if (found == state().memory.end()) return CUDA_ERROR_INVALID_VALUE;
    device = found->second.properties.location.id;
  }
  if (CUresult result = remote::cuMemMap(ptr, size, offset, handle, flags)) return result;
  client::remember({ptr, size, client::Kind::device, client::primary_context(device), 0, nullptr});
  std::lock_guard hold(state().lock);
  state().mappings[ptr] = {size, handle};
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  if (CUresult result = begin()) return result;
  if (CUresult result = remote::cuMemUnmap(ptr, size)) return result;
  std::lock_guard hold(state().lock);
  auto& mappings = state().mappings;
  for (auto at = mappings.lower_bound(ptr); at != mappings.end() && at->first < ptr + size; at = mappings.erase(at))
    client::forget(at->first);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  if (CUresult result = begin()) return result;
  if (!desc || count == 0) return CUDA_ERROR_INVALID_VALUE;
  std::vector<CUmemAccessDesc> translated(desc, desc + count);
  for (CUmemAccessDesc& each : translated)
    if (CUresult result = translate(each.location)) return result;
  return remote::cuMemSetAccess(ptr, size, translated.data(), count);
}

OUTBOARD_EXPORT CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  if (CUresult result = begin()) return result;
  if (!flags || !location) return CUDA_ERROR_INVALID_VALUE;
  CUmemLocation translated = *location;
  if (CUresult result = translate(translated)) return result;
  return remote::cuMemGetAccess(flags, &translated, ptr);
}

OUTBOARD_EXPORT CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle,
                                                      CUmemAllocationHandleType handleType, unsigned long long flags) {
  if (CUresult result = begin()) return result;
  if (!shareableHandle || flags) return CUDA_ERROR_INVALID_VALUE;
  if (handleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  Exported bytes;
  {
    std::lock_guard hold(state().lock);
    auto found = state().memory.find(handle);
    if (found == state().memory.end()) return CUDA_ERROR_INVALID_VALUE;
    bytes.properties = found->second.properties;
  }
  if (!(bytes.properties.requestedHandleTypes & CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR))
    return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = remote::obMemExport(handle, &bytes.token)) return result;
  base::Fd file(memfd_create("outboard-exported", MFD_CLOEXEC));
  if (!file.valid() || pwrite(file.get(), &bytes, sizeof bytes, 0) != sizeof bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  *static_cast<int*>(shareableHandle) = file.release();
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle,
                                                        CUmemAllocationHandleType shHandleType) {
  if (CUresult result = begin()) return result;
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  if (shHandleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  Exported bytes;
  const auto file = static_cast<int>(reinterpret_cast<intptr_t>(osHandle));
  if (pread(file, &bytes, sizeof bytes, 0) != sizeof bytes || std::memcmp(bytes.mark, Exported{}.mark, 8) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (client::server_ordinal(bytes.properties.location.id) < 0) return CUDA_ERROR_INVALID_DEVICE;
  if (CUresult result = remote::obMemImport(handle, &bytes.token)) return result;
  std::lock_guard hold(state().lock);
  state().memory[*handle] = {bytes.properties, 1};
  return CUDA_SUCCESS;
}

// --- memory of other processes

OUTBOARD_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  if (CUresult result = client::require_context()) return result;
  if (!pdptr) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = remote::cuIpcOpenMemHandle_v2(pdptr, handle, Flags)) return result;
  CUdeviceptr start = *pdptr;
  size_t size = 0;
  if (CUresult result = remote::obMemRange(*pdptr, &start, &size)) return result;
  client::remember({*pdptr, size - (*pdptr - start), client::Kind::device, client::current(), 0, nullptr});
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuIpcOpenMemHandle(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  return cuIpcOpenMemHandle_v2(pdptr, handle, Flags);
}

OUTBOARD_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr dptr) {
  if (CUresult result = client::require_context()) return result;
  if (CUresult result = remote::cuIpcCloseMemHandle(dptr)) return result;
  client::forget(dptr);
  return CUDA_SUCCESS;
}
