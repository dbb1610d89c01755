// Which registers must keep lanes apart at a branch that the lanes decide: those that some lanes write, and that are
// still wanted where lanes that wrote and lanes that did not (or wrote in another turn of a loop) meet, or by lanes of
// another side that have not run yet.
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

class Mixing {
 public:
  Mixing(const ptx::Function& function, const ControlFlow& flow);

  // False: control flow that the rules here do not hold for (a cycle with two entries).
  bool reducible() const { return reducible_; }
  // The registers that mix because lanes part at the end of `branch`; `region` is every block between there and
  // `meeting` (no_block: they need not meet).
  void mixed_by(uint32_t branch, const std::vector<bool>& region, uint32_t meeting,
                const std::function<void(uint32_t)>& visit) const;

 private:
  using Bits = std::vector<uint64_t>;
  void find_live();
  std::vector<uint64_t> sides(uint32_t branch, uint32_t meeting) const;
  bool live_at(uint32_t block, uint32_t reg) const { return live_[block][reg / 64] >> (reg % 64) & 1; }

  const ptx::Function& function_;
  const ControlFlow& flow_;
  bool reducible_ = true;
  std::vector<Bits> live_;                          // by block: wanted where it begins
  std::vector<std::vector<uint32_t>> definitions_;  // by block
};

}  // namespace software
