// How a loop that is one block can be taken apart so that each part's values fit into the processor's registers.
#pragma once
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "device/software/pass/cfg.h"
#include "device/software/pass/uniformity.h"
#include "device/software/pass/width.h"
#include "device/software/ptx/ast.h"

namespace software {

// A result is a register that the loop writes and that is wanted behind it or in its next round; its slice is all
// instructions that it is made by.
class SplitLoop {
 public:
  using Registers = std::set<uint32_t>;
  using Slice = std::vector<uint64_t>;  // a bit for each instruction of the loop

  // Whether the block ends with a branch back to itself, and could as well do all the rest twice.
  static bool possible(const ptx::Function& function, const Block& block, const Uniformity& uniformity);
  SplitLoop(const ptx::Function& function, const Block& block, const Uniformity& uniformity, unsigned lanes,
            VectorRegisters registers);

  // What the loop becomes, `wanted` behind its branch; fewer than two: it stays as it is.
  std::vector<Slice> parts(const std::vector<uint32_t>& wanted) const;
  // Registers of the loop that the part reads before it writes them: they have another value when the next part begins.
  Registers carried(const Slice& part) const;
  const ptx::Instruction& at(uint32_t i) const { return function_.body[first_ + i]; }
  uint32_t count() const { return count_; }  // of instructions, without the branch
  static bool has(const Slice& slice, uint32_t i) { return slice[i / 64] >> i % 64 & 1; }

 private:
  using Results = std::vector<std::pair<uint32_t, Slice>>;
  unsigned room() const;
  Slice none() const;
  Slice all() const;
  unsigned size_of_register(uint32_t reg) const;
  std::vector<uint32_t> vectors(const Registers& results) const;
  Slice slice_of(Registers wanted) const;
  Registers wanted_first(const Slice& slice) const;
  unsigned pressure(const Registers& results, const Slice& slice) const;
  std::vector<Slice> gather(const Registers& results, size_t most) const;
  static size_t cheapest(const Slice& slice, const Results& left);
  bool worthwhile(const std::vector<Slice>& parts) const;

  const ptx::Function& function_;
  const uint32_t first_, count_;
  const Uniformity& uniformity_;
  const unsigned lanes_;
  const VectorRegisters registers_;
  Registers made_;
};

}  // namespace software
