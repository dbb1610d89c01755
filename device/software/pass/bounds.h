// What is known of numbers of 32 bits without running the kernel: thread indices are small, and what is shifted left
// ends with zeros.
#pragma once
#include <cstdint>
#include <vector>

#include "device/software/ptx/ast.h"

namespace software {

struct Bounds {
  uint32_t most = ~uint32_t{0};  // no lane's value is larger, as a number without a sign
  unsigned zeros = 0;            // that many of its lowest bits are 0

  unsigned alignment() const { return 1u << (zeros < 16 ? zeros : 16); }
};

// By register; of those that more than one instruction writes, or another kind of number, nothing is known.
std::vector<Bounds> find_bounds(const ptx::Function& function);

// Of a number or a special register.
Bounds bounds_of(const ptx::Operand& operand);

}  // namespace software
