// Allocation and questions about pointers. Host and managed memory of this driver is memory of the same window:
// device and host are one processor.
#include <cstring>

#include "device/software/driver/checking.h"
#include "device/software/driver/copying.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

constexpr size_t pitch_alignment = 512;  // CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT

// Ranges that the program registered: base to end.
struct Registered {
  std::mutex lock;
  std::map<uint64_t, uint64_t> ranges;
};
Registered& registered() {
  static auto* the = new Registered;
  return *the;
}

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

CUresult allocate(uint64_t& address, size_t size, MemoryKind kind) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  address = device().memory->allocate(size, kind, context.get());
  if (address && kind == MemoryKind::device) note_allocation(address, size);
  return address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

// Freeing waits for the context's work, as NVIDIA's driver does: a kernel may still use the memory.
CUresult free_memory(uint64_t address) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!address) return CUDA_SUCCESS;
  std::optional<Allocation> found = device().memory->find(address);
  if (!found || found->address != address) return CUDA_ERROR_INVALID_VALUE;
  bool programs =
      found->kind == MemoryKind::device || found->kind == MemoryKind::host || found->kind == MemoryKind::managed;
  if (!programs) return CUDA_ERROR_INVALID_VALUE;
  context->wait_all();
  return device().memory->free(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

bool is_registered(uint64_t address, uint64_t size) {
  std::lock_guard hold(registered().lock);
  auto after = registered().ranges.upper_bound(address);
  if (after == registered().ranges.begin()) return false;
  uint64_t end = std::prev(after)->second;
  return address < end && size <= end - address;
}

}  // namespace

bool in_window(uint64_t address) {
  return address - window_base() < api::window_size || device().memory->in_annex(address);
}

bool accessible(uint64_t address, uint64_t size) {
  if (size == 0) return true;
  if (in_device_area(address) || device().memory->in_annex(address)) return device().memory->covers(address, size);
  // Host memory that client and worker share: its owner checks it, and copies from there are guarded.
  if (in_window(address)) return size <= host_area_end() - address;
  return is_registered(address, size);
}

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!free || !total) return CUDA_ERROR_INVALID_VALUE;
  *total = device().memory->limit();
  *free = *total - device().memory->used(context->ordinal);
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  if (!dptr) return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = 0;
  if (CUresult bad = allocate(address, bytesize, MemoryKind::device)) return bad;
  *dptr = address;
  return CUDA_SUCCESS;
}

CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height,
                            unsigned int ElementSizeBytes) {
  if (!dptr || !pPitch || WidthInBytes == 0 || Height == 0) return CUDA_ERROR_INVALID_VALUE;
  if (ElementSizeBytes != 4 && ElementSizeBytes != 8 && ElementSizeBytes != 16) return CUDA_ERROR_INVALID_VALUE;
  size_t pitch = (WidthInBytes + pitch_alignment - 1) & ~(pitch_alignment - 1), size;
  if (pitch < WidthInBytes || __builtin_mul_overflow(pitch, Height, &size)) return CUDA_ERROR_OUT_OF_MEMORY;
  if (CUresult bad = software::cuMemAlloc_v2(dptr, size)) return bad;
  *pPitch = pitch;
  return CUDA_SUCCESS;
}

CUresult cuMemFree_v2(CUdeviceptr dptr) { return free_memory(dptr); }

CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::optional<Allocation> found = device().memory->find(dptr);
  if (!found) return CUDA_ERROR_NOT_FOUND;
  if (pbase) *pbase = found->address;
  if (psize) *psize = found->size;
  return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int) {
  if (!pp) return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = 0;
  if (CUresult bad = allocate(address, bytesize, MemoryKind::host)) return bad;
  *pp = reinterpret_cast<void*>(address);
  return CUDA_SUCCESS;
}

CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return software::cuMemHostAlloc(pp, bytesize, 0); }

CUresult cuMemFreeHost(void* p) { return free_memory(address_of(p)); }

CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  if (!dptr || (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST)) return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = 0;
  if (CUresult bad = allocate(address, bytesize, MemoryKind::managed)) return bad;
  *dptr = address;
  return CUDA_SUCCESS;
}

CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  uint64_t begin = address_of(p);
  if (!p || bytesize == 0 || begin + bytesize < begin) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard hold(registered().lock);
  auto after = registered().ranges.upper_bound(begin + bytesize - 1);
  if (after != registered().ranges.begin() && std::prev(after)->second > begin)
    return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  registered().ranges[begin] = begin + bytesize;
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void* p) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::lock_guard hold(registered().lock);  // nothing becomes inaccessible by it, so nothing is waited for
  return registered().ranges.erase(address_of(p)) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!pdptr || !accessible(address_of(p), 1)) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = address_of(p);
  return CUDA_SUCCESS;
}

CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  return software::cuMemAlloc_v2(dptr, bytesize);
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  if (CUresult bad = find_stream(hStream, context, stream)) return bad;
  std::optional<Allocation> found = device().memory->find(dptr);
  if (!found || found->address != dptr || found->kind != MemoryKind::device) return CUDA_ERROR_INVALID_VALUE;
  if (context->idle(stream))
    device().memory->free(dptr);
  else
    context->submit(stream, [dptr] { device().memory->free(dptr); });
  return CUDA_SUCCESS;
}

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::optional<Allocation> found = device().memory->find(ptr);
  if (!data || !found) return CUDA_ERROR_INVALID_VALUE;
  bool host = found->kind == MemoryKind::host;
  auto answer = [data](auto value) {
    std::memcpy(data, &value, sizeof value);
    return CUDA_SUCCESS;
  };
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      return answer(static_cast<const void*>(static_cast<const Context*>(found->owner)));
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: return answer(host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE);
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return answer(ptr);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      return answer(ptr);  // all of this device's memory is the process's own, and readable where it lies
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: return answer(static_cast<unsigned long long>(found->number));
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return answer(static_cast<unsigned>(found->kind == MemoryKind::managed));
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return answer(static_cast<int>(found->ordinal));
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return answer(found->address);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return answer(static_cast<size_t>(found->size));
    case CU_POINTER_ATTRIBUTE_MAPPED: return answer(1u);
    default: return CUDA_ERROR_NOT_SUPPORTED;
  }
}

}  // namespace software
