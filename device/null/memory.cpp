// Allocations by number, and copies that bring zeros.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "device/null/functions.h"
#include "device/null/state.h"

namespace null_device {

// Pages that nobody ever writes are all the one page of zeros, so that reading them costs no memory.
bool Addresses::open() {
  void* wanted = reinterpret_cast<void*>(api::window_base);
  return mmap(wanted, api::device_area_size, PROT_READ,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == wanted;
}

uint64_t Addresses::take(uint64_t size, uint64_t alignment) {
  std::lock_guard hold(lock_);
  if (size == 0 || size > left()) return 0;
  uint64_t address = free_.take(room_of(size), alignment);
  if (!address) return 0;
  taken_[address] = size;
  used_ += size;
  return address;
}

bool Addresses::give(uint64_t address) {
  std::lock_guard hold(lock_);
  auto found = taken_.find(address);
  if (found == taken_.end()) return false;
  const uint64_t room = room_of(found->second);
  used_ -= found->second;
  taken_.erase(found);
  for (auto& [context, lease] : lent_)
    if (address - lease.address < lease.size) return lease.budget += room, true;
  free_.give(address, address + room);
  return true;
}

uint64_t Addresses::used() const {
  std::lock_guard hold(lock_);
  return used_;
}

std::pair<uint64_t, uint64_t> Addresses::find(uint64_t address) const {
  std::lock_guard hold(lock_);
  auto after = taken_.upper_bound(address);
  if (after == taken_.begin()) return {};
  auto [begin, size] = *std::prev(after);
  return address - begin < size ? std::pair{begin, size} : std::pair<uint64_t, uint64_t>{};
}

namespace {

constexpr size_t granularity = size_t{2} << 20;  // of cuMemCreate

CUresult allocate(CUdeviceptr* address, size_t size, uint64_t alignment) {
  if (!address || !size) return CUDA_ERROR_INVALID_VALUE;
  *address = addresses().take(size, alignment);
  return *address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

void clear_host_side(const CUDA_MEMCPY3D& copy) {
  if (copy.dstMemoryType != CU_MEMORYTYPE_HOST || !copy.dstHost) return;
  auto* first = static_cast<std::byte*>(copy.dstHost) + copy.dstXInBytes;
  const size_t pitch = copy.dstPitch ? copy.dstPitch : copy.WidthInBytes;
  const size_t height = copy.dstHeight ? copy.dstHeight : copy.Height;
  for (size_t z = 0; z < copy.Depth; ++z)
    for (size_t y = 0; y < copy.Height; ++y)
      std::memset(first + ((copy.dstZ + z) * height + copy.dstY + y) * pitch, 0, copy.WidthInBytes);
}

}  // namespace

CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) { return allocate(dptr, bytesize, Addresses::granule); }

CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream) {
  return allocate(dptr, bytesize, Addresses::granule);
}

CUresult cuMemFree_v2(CUdeviceptr dptr) {
  return !dptr || addresses().give(dptr) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream) { return null_device::cuMemFree_v2(dptr); }

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  *total = addresses().limit();
  *free = *total - std::min<size_t>(*total, addresses().used());
  return CUDA_SUCCESS;
}

CUresult cuMemGetAllocationGranularity(size_t* size, const CUmemAllocationProp*, CUmemAllocationGranularity_flags) {
  *size = granularity;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr, unsigned long long) {
  if (alignment & (alignment - 1)) return CUDA_ERROR_INVALID_VALUE;
  return allocate(ptr, size, alignment > granularity ? alignment : granularity);
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t) { return null_device::cuMemFree_v2(ptr); }

CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  auto [begin, size] = addresses().find(dptr);
  if (!size) return CUDA_ERROR_NOT_FOUND;
  if (pbase) *pbase = begin;
  if (psize) *psize = size;
  return CUDA_SUCCESS;
}

// The worker sends from there instead of making a copy.
CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  if (attribute != CU_POINTER_ATTRIBUTE_HOST_POINTER || !addresses().find(ptr).second) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(data, &ptr, sizeof ptr);
  return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr, size_t ByteCount, CUstream) {
  std::memset(dstHost, 0, ByteCount);
  return CUDA_SUCCESS;
}

CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) {
  clear_host_side(*pCopy);
  return CUDA_SUCCESS;
}

CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream) { return null_device::cuMemcpy3D_v2(pCopy); }

}  // namespace null_device
