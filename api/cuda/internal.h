// Types of internal.def's rows: plain data, the same on both sides.
#pragma once
#include "api/cuda/abi.h"

struct LaunchShape {
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;  // dynamic
  uint32_t cooperative;   // 1: all blocks must be resident at once
  uint32_t cluster[3];    // 0: none
};

// Names shared memory of a worker on its machine: a base::SharedMemoryToken, byte for byte.
struct SharedToken {
  unsigned char bytes[24];
};

// SHA-256 of a module's image as it travels. Servers keep images of `known_image_from` bytes or more; for smaller ones
// it is not worth asking.
struct ImageDigest {
  unsigned char bytes[32];
};
inline constexpr size_t known_image_from = 4096;

// Addresses that the client hands out itself, how many bytes it may without asking, and on what terms
// (device/leases.h). Beside it what it wants to know of a fresh context, too: the limits, by CUlimit; UINT64_MAX: ask.
inline constexpr size_t limit_count = 10;
struct LeaseAnswer {
  uint64_t address, size;
  uint64_t budget;
  uint64_t terms;  // lease_shared, lease_backed
  uint64_t limits[limit_count];
};
inline constexpr uint64_t lease_shared = 1, lease_backed = 2;
struct MemoryChange {
  uint64_t address;
  uint64_t size;  // 0: freed; freed_unused: freed, and no work uses it any more
};
inline constexpr uint64_t freed_unused = UINT64_MAX;

// cuLaunchKernel's `extra` (CUDA Driver API, "CU_LAUNCH_PARAM_*").
inline void* const launch_param_end = nullptr;
inline void* const launch_param_buffer_pointer = reinterpret_cast<void*>(1);
inline void* const launch_param_buffer_size = reinterpret_cast<void*>(2);
