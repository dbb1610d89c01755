// The 64 bits of an mbarrier object, which PTX leaves opaque (PTX ISA, "mbarrier"): pending and expected arrivals,
// the bytes that are still to come, and the parity of the phase under way. A cluster's warps take turns on one thread,
// so nothing here is atomic.
#pragma once
#include <cstdint>

namespace software {

struct Mbarrier {
  static constexpr unsigned count_bits = 20, bytes_bits = 21;
  static constexpr uint32_t most = (1u << count_bits) - 1;  // "Valid range of count"

  uint64_t pending : count_bits;
  uint64_t expected : count_bits;
  int64_t bytes : bytes_bits;  // the tx-count
  uint64_t unused : 2;
  uint64_t parity : 1;
};
static_assert(sizeof(Mbarrier) == 8);

inline constexpr unsigned mbarrier_parity_bit = 63;  // also of the state that an arrival returns

}  // namespace software
