// Control flow. Every block has code for a warp whose lanes all run, without masks, and code for some of them: there
// each block has a mask of waiting lanes, and blocks are visited in the order of pass/layout.h. A warp leaves the first
// where its lanes part and comes back where all of them have met again.
#include "device/software/codegen/emitter.h"

namespace software {

using llvm::BasicBlock;
using ptx::Opcode;

namespace {

// Functions of more instructions have the code without masks only where lanes never part.
constexpr size_t long_function = 2000;

bool has_terminator(Opcode opcode) {
  return opcode == Opcode::bra || opcode == Opcode::brx || opcode == Opcode::ret || opcode == Opcode::exit;
}

}  // namespace

void Emitter::emit_flow() {
  position_.assign(flow_.blocks.size(), 0);
  for (uint32_t i = 0; i < layout_.order.size(); ++i) {
    position_[layout_.order[i]] = i;
    check_.push_back(block("check"));
    body_.push_back(block("body"));
    bool twice = function.body.size() <= long_function || !shape_.divergent[layout_.order[i]];
    together_.push_back(twice ? block("together") : nullptr);
  }
  check_.push_back(block("end"));
  body_.push_back(check_.back());
  begin_stages();
  if (layout_.order.empty()) {
    ir.CreateBr(check_.back());
  } else if (resumes_) {
    go_on();
  } else if (whole_ && together_[0]) {
    ir.CreateBr(together_[0]);
  } else {
    auto* some = block("some_lanes");
    ir.CreateCondBr(ir.CreateICmpEQ(entry_mask_, every_lane()), together_[0] ? together_[0] : some, some);
    ir.SetInsertPoint(some);
    ir.CreateStore(entry_mask_, masks_[layout_.order[0]]);
    ir.CreateBr(body_[0]);
    parts_ = true;
  }
  for (uint32_t i = 0; i < layout_.order.size(); ++i)
    if (together_[i]) emit_together(i);
  for (uint32_t i = 0; i < layout_.order.size(); ++i) {
    if (parts_) {
      emit_masked(i);
    } else {
      check_[i]->eraseFromParent();
      body_[i]->eraseFromParent();
    }
  }
  ir.SetInsertPoint(check_.back());
  if (parts_) come_back();
  end_stages();
}

BasicBlock* Emitter::block(const char* name) { return BasicBlock::Create(ir.getContext(), name, target_); }

void Emitter::emit_body(uint32_t position) {
  const Block& range = flow_.blocks[layout_.order[position]];
  keep_around(layout_.order[position]);
  for (uint32_t i = range.first; i < range.last; ++i)
    if (!has_terminator(function.body[i].opcode)) emit_instruction(function.body[i]);
  guard_ = nullptr;
  active_ = block_mask_;
  restore_all();
  keep_behind(layout_.order[position]);
}

// The block that starts at that instruction; no_block: the function ends.
uint32_t Emitter::successor_at(const Block& block, uint32_t instruction) const {
  for (uint32_t next : block.successors)
    if (flow_.blocks[next].first == instruction) return next;
  return no_block;
}

Emitter::Ways Emitter::ways(const Block& range) const {
  const Instruction& last = function.body[range.last - 1];
  Ways found{no_block, successor_at(range, range.last), last.guard.reg >= 0 && has_terminator(last.opcode)};
  if (last.opcode == Opcode::bra) found.taken = successor_at(range, function.labels[last.operands[0].index]);
  if (has_terminator(last.opcode) && !found.conditional) found.next = found.taken;
  return found;
}

Emitter::Operand Emitter::guard_of(const Instruction& instruction) {
  Operand guard;
  guard.kind = Operand::reg;
  guard.index = static_cast<uint32_t>(instruction.guard.reg);
  guard.negated = instruction.guard.negated;
  return guard;
}

Emitter::Value* Emitter::condition(const Instruction& instruction) { return read_predicate(guard_of(instruction)); }

// --- all lanes run

void Emitter::emit_together(uint32_t position) {
  const Block& range = flow_.blocks[layout_.order[position]];
  const Instruction& last = function.body[range.last - 1];
  ir.SetInsertPoint(together_[position]);
  block_mask_ = every_lane();
  emit_body(position);
  if (last.opcode == Opcode::brx) return emit_branch_table(position);
  auto [taken, next, conditional] = ways(range);
  if (!conditional) return go_together(next);
  Value* yes = condition(last);
  auto *there = block("taken"), *here = block("not_taken");
  if (varying(yes))
    part(position, yes, there, here);
  else
    ir.CreateCondBr(yes, there, here);
  ir.SetInsertPoint(there);
  go_together(taken);
  ir.SetInsertPoint(here);
  go_together(next);
}

void Emitter::go_together(uint32_t to) {
  if (to == no_block) {
    ir.CreateBr(check_.back());
  } else if (auto* there = together_[position_[to]]) {
    ir.CreateBr(there);
  } else {
    send(to, every_lane());
    ir.CreateBr(body_[position_[to]]);
  }
}

// Mostly the lanes are all of one mind, whether to take the branch: `all`, or not: `none`.
void Emitter::part(uint32_t position, Value* yes, BasicBlock* all, BasicBlock* none) {
  const Block& range = flow_.blocks[layout_.order[position]];
  auto *mixed = block("mixed"), *parted = block("parted");
  if (auto foresight = foresee(guard_of(function.body[range.last - 1]), range.first, range.last - 1)) {
    auto *agreed = block("agreed"), *look = block("look");
    ir.CreateCondBr(foresight->agree, agreed, look);
    ir.SetInsertPoint(agreed);
    ir.CreateCondBr(foresight->outcome, all, none);
    ir.SetInsertPoint(look);
  }
  Value* mask = mask_of(yes);
  ir.CreateCondBr(ir.CreateICmpEQ(mask, every_lane()), all, mixed);
  ir.SetInsertPoint(mixed);
  ir.CreateCondBr(ir.CreateICmpEQ(mask, ir.getInt32(0)), none, parted);
  ir.SetInsertPoint(parted);
  auto [taken, next, conditional] = ways(range);
  emit_parting(position, mask, taken, next);
}

// --- some lanes run

void Emitter::emit_masked(uint32_t position) {
  uint32_t block_index = layout_.order[position];
  const Block& range = flow_.blocks[block_index];
  bool divergent = shape_.divergent[block_index];
  ir.SetInsertPoint(check_[position]);
  if (together_[position] && !divergent) {
    auto* waiting = ir.CreateLoad(ir.getInt32Ty(), masks_[block_index]);
    auto *met = block("met"), *apart = block("apart");
    ir.CreateCondBr(ir.CreateICmpEQ(waiting, every_lane()), met, apart);
    ir.SetInsertPoint(met);
    ir.CreateStore(ir.getInt32(0), masks_[block_index]);
    ir.CreateBr(together_[position]);
    ir.SetInsertPoint(apart);
  }
  auto* skip = block("skip");
  ir.CreateCondBr(may_enter(block_index), body_[position], skip);
  ir.SetInsertPoint(skip);
  leave(position);

  ir.SetInsertPoint(body_[position]);
  block_mask_ = ir.CreateLoad(ir.getInt32Ty(), masks_[block_index]);
  ir.CreateStore(ir.getInt32(0), masks_[block_index]);
  emit_body(position);
  const Instruction& last = function.body[range.last - 1];
  if (last.opcode == Opcode::brx) return emit_branch_table(position);
  auto [taken, next, conditional] = ways(range);
  if (!conditional) {
    if (next != no_block) send(next, block_mask_);
    if (next == no_block || divergent) return leave(position);
    ir.CreateBr(body_[position_[next]]);
    return;
  }
  Value* yes = condition(last);
  if (varying(yes) || divergent) {
    Value* mask = varying(yes) ? mask_of(yes) : ir.CreateSelect(yes, every_lane(), ir.getInt32(0));
    return emit_parting(position, mask, taken, next);
  }
  // All living lanes are here and go the same way.
  auto go = [&](uint32_t to) {
    if (to == no_block) return leave(position);
    send(to, block_mask_);
    ir.CreateBr(body_[position_[to]]);
  };
  auto *there = block("taken"), *here = block("not_taken");
  ir.CreateCondBr(yes, there, here);
  ir.SetInsertPoint(there);
  go(taken);
  ir.SetInsertPoint(here);
  go(next);
}

void Emitter::emit_parting(uint32_t position, Value* yes, uint32_t taken, uint32_t next) {
  auto returns = [&](uint32_t to) { return to != no_block && only_returns(function, flow_.blocks[to]); };
  Value *leaves = ir.CreateAnd(block_mask_, yes), *stays = ir.CreateAnd(block_mask_, ir.CreateNot(yes));
  if (taken != no_block) send(taken, leaves);
  if (next != no_block) send(next, stays);
  bool leaving = returns(taken) != returns(next) && taken != no_block && next != no_block;
  if (!leaving || shape_.divergent[layout_.order[position]]) return leave(position);
  // The lanes that stay are all the lanes there are.
  uint32_t end = returns(taken) ? taken : next, on = returns(taken) ? next : taken;
  Value* rest = returns(taken) ? stays : leaves;
  ir.CreateCondBr(ir.CreateICmpNE(rest, ir.getInt32(0)), body_[position_[on]], body_[position_[end]]);
}

void Emitter::send(uint32_t block, Value* mask) {
  parts_ = true;
  auto* waiting = ir.CreateLoad(ir.getInt32Ty(), masks_[block]);
  ir.CreateStore(ir.CreateOr(waiting, mask), masks_[block]);
}

// brx.idx: every lane goes to the label that its index counts to.
void Emitter::emit_branch_table(uint32_t position) {
  const Block& range = flow_.blocks[layout_.order[position]];
  const Instruction& last = function.body[range.last - 1];
  Value* index = read(last.operands[0], ptx::Type::b32);
  auto mask = [&](Value* condition) -> Value* {
    return varying(condition) ? mask_of(condition) : ir.CreateSelect(condition, every_lane(), ir.getInt32(0));
  };
  Value* going = block_mask_;
  if (last.guard.reg >= 0) {
    going = ir.CreateAnd(going, mask(condition(last)));
    if (uint32_t next = successor_at(range, range.last); next != no_block)
      send(next, ir.CreateAnd(block_mask_, ir.CreateNot(going)));
  }
  for (size_t i = 1; i < last.operands.size(); ++i) {
    uint32_t target = successor_at(range, function.labels[last.operands[i].index]);
    if (target != no_block) send(target, ir.CreateAnd(going, mask(ir.CreateICmpEQ(index, like(index, i - 1)))));
  }
  leave(position);
}

}  // namespace software
