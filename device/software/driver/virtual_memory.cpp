// Addresses and memory apart (CUDA Driver API, "Virtual Memory Management"): memory is a shared-memory file, mapped
// wherever the program wants it.
#include "api/window.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

constexpr size_t granularity = size_t{2} << 20;

CUresult check(const CUmemAllocationProp* properties) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!properties) return CUDA_ERROR_INVALID_VALUE;
  if (properties->type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  if (properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  constexpr unsigned known = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  if (properties->requestedHandleTypes & ~known) return CUDA_ERROR_NOT_SUPPORTED;
  return device().has(properties->location.id) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

// A handle of this API is the object's address as a number.
void* pointer(CUmemGenericAllocationHandle handle) { return reinterpret_cast<void*>(handle); }

std::shared_ptr<Physical> find(CUmemGenericAllocationHandle handle) {
  return device_exists() ? device().physical.find(pointer(handle)) : nullptr;
}

CUmemGenericAllocationHandle add(std::shared_ptr<Physical> memory) {
  return reinterpret_cast<CUmemGenericAllocationHandle>(device().physical.add(std::move(memory)));
}

// What is mapped where: a mapping keeps its memory.
struct Mappings {
  std::mutex lock;
  std::map<uint64_t, std::shared_ptr<Physical>> by_address;
};
Mappings& mappings() {
  static auto* made = new Mappings;
  return *made;
}

// Work that may still use the memory is waited for, in all contexts.
void wait_for_all() {
  std::vector<std::shared_ptr<Context>> contexts;
  device().contexts.each([&](const std::shared_ptr<Context>& context) { contexts.push_back(context); });
  for (const auto& context : contexts) context->wait_all();
}

}  // namespace

Physical::~Physical() {
  if (charged) device().memory->discharge(ordinal, memory.size());
}

CUresult cuMemGetAllocationGranularity(size_t* size, const CUmemAllocationProp* prop,
                                       CUmemAllocationGranularity_flags) {
  if (CUresult bad = check(prop)) return bad;
  if (!size) return CUDA_ERROR_INVALID_VALUE;
  *size = granularity;
  return CUDA_SUCCESS;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                     unsigned long long flags) {
  if (CUresult bad = check(prop)) return bad;
  if (!handle || size == 0 || size % granularity || flags) return CUDA_ERROR_INVALID_VALUE;
  const auto ordinal = static_cast<unsigned>(prop->location.id);
  if (!device().memory->charge(ordinal, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  auto memory = base::SharedMemory::create(size);
  if (!memory) {
    device().memory->discharge(ordinal, size);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *handle = add(std::make_shared<Physical>(std::move(memory.value()), ordinal, true));
  return CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  return device().physical.remove(pointer(handle)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                             unsigned long long flags) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!ptr || size == 0 || size % granularity || (alignment & (alignment - 1)) || flags)
    return CUDA_ERROR_INVALID_VALUE;
  *ptr = device().memory->reserve_range(size, alignment, addr);
  return *ptr ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  return device().memory->release_range(ptr, size) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  std::shared_ptr<Physical> memory = find(handle);
  if (!memory) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t most = memory->memory.size();
  if (flags || size == 0 || ptr % granularity || size % granularity || offset % granularity || offset > most ||
      size > most - offset)
    return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(mappings().lock);
  if (!device().memory->map(ptr, size, memory->memory.descriptor(), offset, memory->ordinal))
    return CUDA_ERROR_INVALID_VALUE;
  mappings().by_address[ptr] = std::move(memory);
  return CUDA_SUCCESS;
}

CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  wait_for_all();
  std::lock_guard hold(mappings().lock);
  if (!device().memory->unmap(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  auto& all = mappings().by_address;
  all.erase(all.lower_bound(ptr), all.lower_bound(ptr + size));
  return CUDA_SUCCESS;
}

// One set of page tables serves all devices: access of any of them opens the pages.
CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!desc || count == 0) return CUDA_ERROR_INVALID_VALUE;
  unsigned access = 0;
  for (size_t i = 0; i < count; ++i) {
    if (desc[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
    if (!device().has(desc[i].location.id)) return CUDA_ERROR_INVALID_DEVICE;
    if (desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE && desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READ &&
        desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
      return CUDA_ERROR_INVALID_VALUE;
    access |= desc[i].flags;
  }
  bool done = device().memory->protect(ptr, size, access & CU_MEM_ACCESS_FLAGS_PROT_READ,
                                       access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  return done ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!flags || !location || location->type != CU_MEM_LOCATION_TYPE_DEVICE || !device().has(location->id))
    return CUDA_ERROR_INVALID_VALUE;
  std::optional<Allocation> mapping = device().memory->find(ptr);
  if (!mapping || mapping->kind != MemoryKind::mapped) return CUDA_ERROR_INVALID_VALUE;
  *flags = mapping->open ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType handleType, unsigned long long flags) {
  std::shared_ptr<Physical> memory = find(handle);
  if (!memory || !shareableHandle || flags) return CUDA_ERROR_INVALID_VALUE;
  if (handleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  int copy = dup(memory->memory.descriptor());
  if (copy < 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *static_cast<int*>(shareableHandle) = copy;
  return CUDA_SUCCESS;
}

// Takes over nothing: the descriptor stays the caller's.
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle,
                                        CUmemAllocationHandleType shHandleType) {
  if (!device_exists()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!handle) return CUDA_ERROR_INVALID_VALUE;
  if (shHandleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  base::Fd copy(dup(static_cast<int>(reinterpret_cast<intptr_t>(osHandle))));
  auto memory = base::SharedMemory::adopt(std::move(copy));
  if (!memory) return CUDA_ERROR_INVALID_VALUE;
  // It counts against the device of the process that made it.
  *handle = add(std::make_shared<Physical>(std::move(memory.value()), 0u, false));
  return CUDA_SUCCESS;
}

}  // namespace software
