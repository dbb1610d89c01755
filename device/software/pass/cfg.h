// The control-flow graph of a PTX function: basic blocks, their order, and who dominates whom. Reads the
// function; changes nothing.
#pragma once
#include <cstdint>
#include <vector>

#include "device/software/ptx/ast.h"

namespace software {

inline constexpr uint32_t no_block = ~uint32_t{0};

struct Block {
  uint32_t first, last;  // body[first] .. body[last - 1]
  std::vector<uint32_t> successors, predecessors;
};

struct ControlFlow {
  std::vector<Block> blocks;             // in text order; block 0 is the entry
  std::vector<uint32_t> order;           // reverse postorder of the blocks that can be reached
  std::vector<uint32_t> dominator;       // immediate; no_block for the entry and for unreachable blocks
  std::vector<uint32_t> post_dominator;  // immediate; no_block where the paths meet only at the end

  bool dominates(uint32_t above, uint32_t block) const;
};

// True: lanes of a warp execute the instruction together, those that come first wait for the others.
bool is_meeting(const ptx::Instruction& instruction);

// Its last operand names the lanes of the warp that meet there.
bool names_members(const ptx::Instruction& instruction);

// `meetings`: instructions where lanes meet begin a block, so that lanes can wait there.
ControlFlow control_flow(const ptx::Function& function, bool meetings = false);

}  // namespace software
