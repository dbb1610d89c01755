// What a device may do beside the driver's functions: lend a context addresses and a budget of memory, so that a client
// far away chooses where its allocations lie and need not wait for an answer. outboard_leases() gives it, or nullptr.
#pragma once
#include <cstdint>

#include "api/cuda/abi.h"

namespace device {

inline constexpr uint64_t lease_granule = 512;  // bytes: allocations begin at its multiples and use up whole ones

struct Lease {
  uint64_t address = 0, size = 0;  // of addresses; a device may lend several pieces
  uint64_t budget = 0;             // bytes that may still be allocated in all pieces without asking
  bool shared = false;             // others need what is not in use: it is given back soon (settle)
  bool backed = false;             // each piece comes with its memory, and goes as a whole
};

// All for the calling thread's current context.
struct Leases {
  // Lends so much more that an allocation of `room` bytes, a multiple of the granule, has a place, and perhaps some
  // beside it. CUDA_ERROR_OUT_OF_MEMORY: so much is not left; CUDA_ERROR_NOT_SUPPORTED: here every allocation must ask.
  CUresult (*lend)(uint64_t room, Lease* lease);
  // An allocation like cuMemAlloc's, at an address of the lease. Freed by cuMemFree, back into the budget.
  CUresult (*allocate)(uint64_t address, uint64_t size);
  // Frees one of them that no work uses any more.
  CUresult (*release)(uint64_t address);
  // The budget ends; the addresses stay lent. Of pieces that are backed, those end in which nothing is allocated.
  CUresult (*settle)();
};

}  // namespace device
