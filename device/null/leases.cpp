// Memory that a client allocates by itself (device/leases.h). Nothing lies behind the addresses, so each context may
// use all that is left: those of several may come to more than the device says it has. What was lent stays lent.
#include "device/leases.h"

#include <iterator>

#include "device/null/state.h"

namespace null_device {
namespace {

constexpr unsigned most_contexts = 8;  // that get a part of the addresses; the others ask for each allocation

}  // namespace

CUcontext& current_context() {
  static thread_local CUcontext current = nullptr;
  return current;
}

CUresult Addresses::lend(CUcontext context, uint64_t room, device::Lease& lease) {
  std::lock_guard hold(lock_);
  device::Lease& own = lent_[context];
  if (!own.size) {
    constexpr uint64_t part = api::device_area_size / most_contexts;
    own.address = free_.take(part, granule);
    if (!own.address) return lent_.erase(context), CUDA_ERROR_NOT_SUPPORTED;
    own.size = part;
  }
  if (room > left()) return CUDA_ERROR_OUT_OF_MEMORY;
  own.budget = left();
  lease = own;
  return CUDA_SUCCESS;
}

bool Addresses::is_free(uint64_t address, uint64_t room) const {
  auto behind = taken_.lower_bound(address);
  if (behind != taken_.end() && behind->first - address < room) return false;
  return behind == taken_.begin() || address - std::prev(behind)->first >= room_of(std::prev(behind)->second);
}

CUresult Addresses::take_at(CUcontext context, uint64_t address, uint64_t size) {
  std::lock_guard hold(lock_);
  auto found = lent_.find(context);
  if (found == lent_.end() || !size || size > limit_ || address % granule) return CUDA_ERROR_OUT_OF_MEMORY;
  device::Lease& own = found->second;
  const uint64_t room = room_of(size), offset = address - own.address;
  const bool inside = offset < own.size && room <= own.size - offset;
  if (!inside || room > own.budget || !is_free(address, room)) return CUDA_ERROR_OUT_OF_MEMORY;
  own.budget -= room;
  used_ += size;
  taken_[address] = size;
  return CUDA_SUCCESS;
}

void Addresses::settle(CUcontext context) {
  std::lock_guard hold(lock_);
  if (auto found = lent_.find(context); found != lent_.end()) found->second.budget = 0;
}

}  // namespace null_device

extern "C" __attribute__((visibility("default"))) const device::Leases* outboard_leases() {
  using namespace null_device;
  static const device::Leases leases{
      [](uint64_t room, device::Lease* lease) { return addresses().lend(current_context(), room, *lease); },
      [](uint64_t address, uint64_t size) { return addresses().take_at(current_context(), address, size); },
      [](uint64_t address) { return addresses().give(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; },
      [] { return addresses().settle(current_context()), CUDA_SUCCESS; }};
  return &leases;
}
