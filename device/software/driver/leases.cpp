// Memory that a client allocates by itself (device/leases.h).
#include "device/leases.h"

#include "device/software/driver/checking.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

static_assert(device::lease_granule == Memory::granule);

CUresult lend(uint64_t room, device::Lease* lease) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  Memory::Lease lent;
  switch (device().memory->lend(context.get(), room, lent)) {
    case Memory::Lent::no_addresses: return CUDA_ERROR_NOT_SUPPORTED;
    case Memory::Lent::no_memory: return CUDA_ERROR_OUT_OF_MEMORY;
    case Memory::Lent::yes: break;
  }
  *lease = {lent.begin, lent.end - lent.begin, lent.budget, device().memory->shares_quota(), false};
  return CUDA_SUCCESS;
}

CUresult allocate(uint64_t address, uint64_t size) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!device().memory->allocate_at(address, size, context.get())) return CUDA_ERROR_OUT_OF_MEMORY;
  note_allocation(address, size);
  return CUDA_SUCCESS;
}

CUresult release(uint64_t address) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  std::optional<Allocation> found = device().memory->find(address);
  const bool own = found && found->kind == MemoryKind::device && found->owner == context.get();
  return own && device().memory->free(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult settle() {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter_failed(context)) return bad;
  device().memory->settle(context.get());
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace software

extern "C" __attribute__((visibility("default"))) const device::Leases* outboard_leases() {
  static const device::Leases leases{software::lend, software::allocate, software::release, software::settle};
  return &leases;
}
