// A device is the CUDA driver API as a struct of function pointers: the vendor's driver, the software
// GPU and the null device are three fillings of it. Every pointer is set; what a device does not do
// answers CUDA_ERROR_NOT_SUPPORTED.
#pragma once
#include <cstdint>

#include "api/cuda/abi.h"

namespace device {

struct Driver {
#define ROW(since, name, params) CUresult(*name) params;
#include "api/cuda/cuda.def"
};

// What a device does beside that whose kernels can be checked (outboard run --check): outboard_checks() gives it, or
// nullptr.
struct Checks {
  // The host shares this memory with the device; size 0: no longer.
  void (*host_memory)(uint64_t address, uint64_t size);
  // Something that the device does not see writes there.
  void (*written)(uint64_t address, uint64_t size);
  // The program called `function` to free what is not allocated.
  void (*bad_free)(const char* function, uint64_t address);
  // The program is about to end: how many errors there were, all of which have been printed.
  uint64_t (*finish)();
};

}  // namespace device
