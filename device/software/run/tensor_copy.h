// One cp.async.bulk.tensor as generated code describes it.
#pragma once
#include <cstdint>

namespace software {

// What tensor copies write for 16-bit elements outside of the tensor where they are to be NaN, and what fma.oob looks
// for: one pattern for both formats.
inline constexpr uint16_t outside_tensor = 0x7ff7;

struct TensorCopy {
  uint64_t map;       // api::TensorMap
  uint64_t shared;    // native address
  uint64_t barrier;   // 0: none
  int32_t at[5];      // coordinates, the innermost first
  uint32_t rank;      // how many of them the instruction gives
  uint16_t shift[3];  // im2col offsets, width first
  uint16_t im2col;    // the instruction's mode
  uint32_t blocks;    // of a multicast, see outboard_bulk_copy
  uint32_t store;     // from shared memory to global memory
  uint32_t how;       // a store: reduction(), 0: none
};

// What tensormap.replace may change.
enum class TensorField : uint32_t {
  global_address,
  rank,
  box_dim,
  global_dim,
  global_stride,
  element_stride,
  element_type,
  interleave,
  swizzle,
  fill,
  atomicity,
};

}  // namespace software
