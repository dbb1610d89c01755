// How many blocks one processor holds at once.
#pragma once
#include <cstdint>

#include "device/software/codegen/compiler.h"

namespace software {

// 0 where not even one fits.
uint32_t blocks_per_processor(const Kernel& kernel, uint32_t threads, uint64_t dynamic_shared);

}  // namespace software
