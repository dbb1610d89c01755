// What a device may do beside the driver's functions: lend a context addresses and a budget of memory, so that a client
// far away chooses where its allocations lie and need not wait for an answer. outboard_leases() gives it, or nullptr.
#pragma once
#include <cstdint>

#include "api/cuda/abi.h"

namespace device {

inline constexpr uint64_t lease_granule = 512;  // bytes: allocations begin at its multiples and use up whole ones

struct Lease {
  uint64_t address = 0, size = 0;  // of addresses
  uint64_t budget = 0;             // bytes that may still be allocated there without asking
};

// All for the calling thread's current context.
struct Leases {
  // Adds at least `least` bytes to the budget, up to half of what is left. CUDA_ERROR_OUT_OF_MEMORY: so much is not
  // left; CUDA_ERROR_NOT_SUPPORTED: here every allocation must ask.
  CUresult (*lend)(uint64_t least, Lease* lease);
  // An allocation like cuMemAlloc's, at an address of the lease. Freed by cuMemFree, back into the budget.
  CUresult (*allocate)(uint64_t address, uint64_t size);
  // The budget ends; the addresses stay lent.
  CUresult (*settle)();
};

}  // namespace device
