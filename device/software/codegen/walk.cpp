// Where a warp goes on when it is done with a block: see pass/layout.h. In a function with loops that spin, lanes may
// be left behind: in such a loop, once it went round some times, and where lanes meet, while others are still in such a
// loop. What is left behind is visited again at the function's end. A call does not end while lanes spin inside it.
#include "device/software/codegen/emitter.h"

namespace software {

using llvm::BasicBlock;
using ptx::Opcode;

namespace {

constexpr uint32_t rounds_per_turn = 8;  // of a loop that spins, before lanes that wait elsewhere go on

}  // namespace

// Lanes that are together cannot wait for each other.
bool Emitter::spins(size_t region) const {
  return spins_.loops[region] && shape_.divergent[layout_.regions[region].header];
}

bool Emitter::meets(uint32_t block) const {
  return spins_.any && shape_.divergent[block] && is_meeting(function.body[flow_.blocks[block].first]);
}

// The lanes that an instruction where lanes meet is about; all of them, unless it names them by one value.
Emitter::Value* Emitter::named_members(const Instruction& instruction) {
  const Operand* mask = instruction.operands.empty() ? nullptr : &instruction.operands.back();
  bool plain = mask && (mask->kind == Operand::integer || (mask->kind == Operand::reg && !mask->negated));
  if (!plain || !names_members(instruction)) return ir.getInt32(~0u);
  Value* members = read(*mask, ptx::Type::b32);
  return varying(members) ? ir.getInt32(~0u) : members;
}

// i1: lanes wait for the block, and need not wait longer for lanes that spin.
Emitter::Value* Emitter::may_enter(uint32_t block) {
  Value* waiting = ir.CreateICmpNE(ir.CreateLoad(ir.getInt32Ty(), masks_[block]), ir.getInt32(0));
  if (!meets(block)) return waiting;
  Value* spinning = ir.getInt32(0);
  for (size_t i = 0; i < layout_.regions.size(); ++i)
    if (spins(i)) spinning = ir.CreateOr(spinning, ir.CreateLoad(ir.getInt32Ty(), masks_[layout_.regions[i].header]));
  Value* missing = ir.CreateAnd(spinning, named_members(function.body[flow_.blocks[block].first]));
  return ir.CreateAnd(waiting, ir.CreateICmpEQ(missing, ir.getInt32(0)));
}

// Goes on behind `position`: to the next block with waiting lanes, or back to the header of a region that ends here.
void Emitter::leave(uint32_t position) {
  parts_ = true;
  for (size_t i = 0; i < layout_.regions.size(); ++i) {
    const Region& region = layout_.regions[i];
    if (region.last != position + 1) continue;
    Value* again = may_enter(region.header);
    if (spins(i)) {
      Value* round = ir.CreateLoad(ir.getInt32Ty(), rounds_[i]);
      again = ir.CreateAnd(again, ir.CreateICmpULT(round, ir.getInt32(rounds_per_turn)));
      ir.CreateStore(ir.CreateSelect(again, ir.CreateAdd(round, ir.getInt32(1)), ir.getInt32(0)), rounds_[i]);
    }
    auto* out = block("out");
    ir.CreateCondBr(again, body_[position_[region.header]], out);
    ir.SetInsertPoint(out);
  }
  ir.CreateBr(check_[position + 1]);
}

// At the function's end: lanes that were left behind, those that spin first, because the others wait for them.
void Emitter::come_back() {
  auto visit = [&](uint32_t block) {
    auto* next = Emitter::block("next");
    Value* waiting = ir.CreateLoad(ir.getInt32Ty(), masks_[block]);
    ir.CreateCondBr(ir.CreateICmpNE(waiting, ir.getInt32(0)), body_[position_[block]], next);
    ir.SetInsertPoint(next);
  };
  bool any = false;
  for (size_t i = 0; i < layout_.regions.size(); ++i) {
    any = any || spins(i);
    if (spins(i)) visit(layout_.regions[i].header);
  }
  for (uint32_t block : layout_.order)
    if (any && meets(block)) visit(block);
}

}  // namespace software
