// Which registers are still wanted where, of one thread that runs a function by itself.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/ptx/ast.h"

namespace software {

// Calls visit(register) for everything that the instruction reads, its guard included, or writes.
void each_source(const ptx::Instruction& instruction, const std::function<void(uint32_t)>& visit);
void each_definition(const ptx::Instruction& instruction, const std::function<void(uint32_t)>& visit);

class Liveness {
 public:
  Liveness(const ptx::Function& function, const ControlFlow& flow);

  bool at_start(uint32_t block, uint32_t reg) const { return has(live_[block], reg); }
  // The registers that are wanted behind an instruction of the block.
  std::vector<uint32_t> behind(uint32_t block, uint32_t instruction) const;
  // Goes through a block from its end: which registers begin or cease to be wanted, and when all of that is told.
  void walk(uint32_t block, const std::function<void(uint32_t reg, bool wanted)>& change,
            const std::function<void()>& settled) const;

 private:
  using Bits = std::vector<uint64_t>;
  static bool has(const Bits& bits, uint32_t reg) { return bits[reg / 64] >> (reg % 64) & 1; }
  static void set(Bits& bits, uint32_t reg) { bits[reg / 64] |= uint64_t{1} << (reg % 64); }
  static void clear(Bits& bits, uint32_t reg) { bits[reg / 64] &= ~(uint64_t{1} << (reg % 64)); }
  Bits at_end(uint32_t block) const;
  static void step(const ptx::Instruction& instruction, Bits& live);

  const ptx::Function& function_;
  const ControlFlow& flow_;
  std::vector<Bits> live_;  // by block: wanted where it begins
};

}  // namespace software
