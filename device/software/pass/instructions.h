// Kinds of instructions that several analyses ask for.
#pragma once
#include <algorithm>
#include <iterator>

#include "device/software/ptx/ast.h"

namespace software {

// It makes a number from its operands alone, and nothing else: done twice it is done as well as once.
inline bool only_computes(const ptx::Instruction& instruction) {
  using enum ptx::Opcode;
  constexpr ptx::Opcode all[] = {add, sub, mul,  mad, fma,  div,  rem, abs, neg,  min,  max, rcp, sqrt, rsqrt,
                                 ex2, lg2, and_, or_, xor_, not_, shl, shr, setp, selp, mov, cvt, cvta};
  return !instruction.modifiers.cc && std::ranges::find(all, instruction.opcode) != std::end(all);
}

// Other threads may count on when the access happens (PTX ISA, "Memory Consistency Model": strong operations).
inline bool is_strong(const ptx::Modifiers& modifiers) {
  return modifiers.is_volatile || modifiers.has("relaxed") || modifiers.has("acquire") || modifiers.has("release") ||
         modifiers.has("mmio");
}

// What was done before it other blocks may count on (PTX ISA, "Memory Consistency Model", release patterns).
inline bool releases(const ptx::Modifiers& modifiers) {
  return (modifiers.has("release") || modifiers.has("acq_rel")) && !modifiers.has("cta");
}

}  // namespace software
