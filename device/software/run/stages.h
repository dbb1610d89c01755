// What kernels in stages keep from one to the next: see run/stages.cpp.
#pragma once
#include <cstdint>

namespace software {

// Launch::kept_bytes of a kernel without barriers: one call runs all warps of a block to their end, or a single warp as
// well, and nothing is kept.
inline constexpr uint32_t one_stage = 1;

}  // namespace software
