// The program's own virtual memory management: its addresses come out of the window, its memory out of its budget.
#include <map>
#include <memory>
#include <mutex>

#include "device/nvidia/budget.h"
#include "device/nvidia/functions.h"
#include "device/nvidia/memory.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

// Memory of one cuMemCreate: charged until it is released and mapped nowhere.
struct Physical {
  Physical(int on, uint64_t bytes) : device(on), size(bytes) {}
  Physical(const Physical&) = delete;
  ~Physical() { budget().give(device, size); }
  int device;
  uint64_t size;
};
struct Mapping {
  uint64_t size;
  std::shared_ptr<Physical> memory;  // nullptr: another process's
};
struct State {
  std::mutex lock;
  std::map<CUmemGenericAllocationHandle, std::shared_ptr<Physical>> physical;
  std::map<uint64_t, Mapping> mappings;
};
State& state() {
  static auto* made = new State;
  return *made;
}

bool overlaps_a_mapping(uint64_t address, uint64_t size) {
  const auto& all = state().mappings;
  auto next = all.lower_bound(address);
  if (next != all.end() && next->first - address < size) return true;
  if (next == all.begin()) return false;
  auto [begin, mapping] = *std::prev(next);
  return begin + mapping.size > address;
}

}  // namespace

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                             unsigned long long flags) {
  if (!ptr || !size || flags) return CUDA_ERROR_INVALID_VALUE;
  *ptr = memory().reserve(size, alignment, addr);
  return *ptr ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  std::lock_guard hold(state().lock);
  if (overlaps_a_mapping(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  return memory().release(ptr, size) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                     unsigned long long flags) {
  if (!handle || !prop || !size) return CUDA_ERROR_INVALID_VALUE;
  if (prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  const int device = prop->location.id;
  if (!take_patiently(device, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  auto made = std::make_shared<Physical>(device, size);
  if (CUresult result = vendor().cuMemCreate(handle, size, prop, flags)) return result;
  std::lock_guard hold(state().lock);
  state().physical[*handle] = std::move(made);
  return CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  if (CUresult result = vendor().cuMemRelease(handle)) return result;
  std::lock_guard hold(state().lock);
  state().physical.erase(handle);
  return CUDA_SUCCESS;
}

CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  std::lock_guard hold(state().lock);
  if (!memory().is_reserved(ptr, size) || overlaps_a_mapping(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = vendor().cuMemMap(ptr, size, offset, handle, flags)) return result;
  auto found = state().physical.find(handle);
  state().mappings[ptr] = {size, found == state().physical.end() ? nullptr : found->second};
  return CUDA_SUCCESS;
}

CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  if (!memory().is_reserved(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = vendor().cuMemUnmap(ptr, size)) return result;
  std::lock_guard hold(state().lock);
  auto& all = state().mappings;
  all.erase(all.lower_bound(ptr), all.lower_bound(ptr + size));
  return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  if (!memory().is_reserved(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  return vendor().cuMemSetAccess(ptr, size, desc, count);
}

}  // namespace nvidia
