// The code of a kernel that runs in stages (pass/stages.h): at a barrier it keeps the registers that are wanted behind
// it in the warp's own memory and goes on with the next warp; called again, it goes on behind the barrier.
#include <bit>
#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;

namespace {

// Stages in one call, at most: between calls the runtime sees whether the launch has failed.
constexpr uint32_t most_rounds = 256;
constexpr uint32_t two_bits = 3u << 16;  // of Emitter::met_: a barrier that is for the runtime

}  // namespace

// One call runs stages of all warps of the block, which lie side by side: everything that is emitted from here on is
// inside a loop over them. It goes round again when all that have not come to their end have come to the same barrier.
void Emitter::begin_warps() {
  first_warp_ = warp_;
  if (!stages_.any) return;
  auto *entry = ir.GetInsertBlock(), *round = block("round"), *each = block("each_warp"), *leave = block("leave");
  next_warp_ = block("next_warp");
  all_warps_ = block("all_warps");
  met_ = room(ir.getInt32Ty());
  ir.CreateBr(round);
  ir.SetInsertPoint(round);
  auto* rounds = ir.CreatePHI(ir.getInt32Ty(), 2);
  rounds->addIncoming(ir.getInt32(1), entry);
  ir.CreateStore(ir.getInt32(0), met_);
  ir.CreateBr(each);
  ir.SetInsertPoint(each);
  auto* warp = ir.CreatePHI(ir.getPtrTy(), 2);
  warp->addIncoming(warp_, round);
  warp_ = warp;
  ir.CreateStore(warp_, ir.CreateConstGEP1_32(ir.getInt8Ty(), first_warp_, offsetof(Warp, running)));
  ir.SetInsertPoint(next_warp_);
  warp->addIncoming(ir.CreateConstGEP1_32(ir.getInt8Ty(), warp_, sizeof(Warp)), next_warp_);
  ir.CreateCondBr(ir.CreateICmpNE(warp_field(offsetof(Warp, more), ir.getInt32Ty()), ir.getInt32(0)), each, all_warps_);
  ir.SetInsertPoint(all_warps_);
  rounds->addIncoming(ir.CreateAdd(rounds, ir.getInt32(1)), all_warps_);
  Value* met = ir.CreateLoad(ir.getInt32Ty(), met_);
  Value* one = ir.CreateICmpEQ(ir.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, met), ir.getInt32(1));
  ir.CreateCondBr(ir.CreateAnd(one, ir.CreateICmpULT(rounds, ir.getInt32(most_rounds))), round, leave);
  ir.SetInsertPoint(leave);
  ir.CreateRetVoid();
  ir.SetInsertPoint(each);
}

// What is emitted next is the first stage.
void Emitter::begin_stages() {
  if (!stages_.any) return;
  kept_ = warp_field(offsetof(Warp, kept), ir.getPtrTy());
  kept_at_.assign(2 * function.registers.size(), ~uint64_t{0});
  auto* first = block("first_stage");
  Value* stage = warp_field(offsetof(Warp, stage), ir.getInt32Ty());
  resumed_ = ir.CreateSwitch(ir.CreateLShr(stage, ir.getInt32(stage_shift)), first);
  ir.SetInsertPoint(first);
}

// The kernel's end.
void Emitter::end_stages() {
  if (!stages_.any) return void(ir.CreateRetVoid());
  if (stage_count_ > 0) {
    resumed_->addCase(ir.getInt32(no_stage >> stage_shift), next_warp_);
    set_stage(ir.getInt32(no_stage));
  }
  ir.CreateBr(next_warp_);
}

void Emitter::set_stage(Value* stage) {
  ir.CreateStore(stage, ir.CreateConstGEP1_32(ir.getInt8Ty(), warp_, offsetof(Warp, stage)));
}

// Where a variable of the emitter is kept; `number` tells it from others.
Emitter::Kept Emitter::kept_place(llvm::AllocaInst* variable, size_t number) {
  llvm::Type* type = variable->getAllocatedType();
  unsigned elements = type->isVectorTy() ? llvm::cast<FixedVectorType>(type)->getNumElements() : 1;
  bool flags = type->getScalarSizeInBits() == 1;
  uint64_t bytes = std::bit_ceil(flags ? (elements + 7) / 8 : elements * type->getScalarSizeInBits() / 8);
  llvm::Align alignment(std::min<uint64_t>(bytes, kept_alignment));
  if (kept_at_[number] == ~uint64_t{0}) {
    kept_at_[number] = llvm::alignTo(kept_bytes_, alignment);
    kept_bytes_ = kept_at_[number] + bytes;
  }
  auto* place = ir.CreateConstGEP1_64(ir.getInt8Ty(), kept_, kept_at_[number]);
  return {place, flags ? ir.getIntNTy(std::max(elements, 8u)) : nullptr, alignment};
}

void Emitter::keep(llvm::AllocaInst* variable, size_t number) {
  Kept kept = kept_place(variable, number);
  Value* value = ir.CreateLoad(variable->getAllocatedType(), variable);
  if (kept.flags && varying(value))
    value = ir.CreateBitCast(value, ir.getIntNTy(static_cast<unsigned>(value->getType()->getPrimitiveSizeInBits())));
  if (kept.flags) value = ir.CreateZExt(value, kept.flags);
  ir.CreateAlignedStore(value, kept.place, kept.alignment);
}

void Emitter::restore(llvm::AllocaInst* variable, size_t number) {
  Kept kept = kept_place(variable, number);
  llvm::Type* type = variable->getAllocatedType();
  Value* value = ir.CreateAlignedLoad(kept.flags ? kept.flags : type, kept.place, kept.alignment);
  if (kept.flags) value = ir.CreateTrunc(value, ir.getIntNTy(static_cast<unsigned>(type->getPrimitiveSizeInBits())));
  if (kept.flags) value = ir.CreateBitCast(value, type);
  const bool whole = number % 2 == 0 && !kept.flags;  // not where it wraps round
  ir.CreateStore(whole ? known_aligned(value, static_cast<uint32_t>(number / 2)) : value, variable);
}

// What came out of memory has lost what was known of how it was computed.
Emitter::Value* Emitter::known_aligned(Value* value, uint32_t reg) {
  const Shape& shape = shape_.shapes[reg];
  if (shape.kind == Shape::varying) return value;
  unsigned alignment = bounds_[reg].alignment();
  if (shape.kind == Shape::linear) alignment = std::max(alignment, shape.alignment);
  if (alignment == 1) return value;
  const uint64_t low = alignment - 1;
  if (varying(value)) return ir.CreateAnd(value, like(value, ~low));  // the bases of several rows
  ir.CreateAssumption(ir.CreateICmpEQ(ir.CreateAnd(value, like(value, low)), like(value, 0)));
  return value;
}

// Where the block's instructions first want them: there are often more of them than the processor has registers.
void Emitter::restore_later(const std::vector<uint32_t>& registers) {
  awaited_.insert(registers.begin(), registers.end());
}

void Emitter::restore_now(uint32_t reg) {
  if (awaited_.erase(reg)) restore_again(reg);
}

void Emitter::restore_again(uint32_t reg) {
  each_kept({reg}, [&](auto* variable, size_t number) { restore(variable, number); });
}

void Emitter::restore_all() {
  while (!awaited_.empty()) restore_now(*awaited_.begin());
}

void Emitter::restore_for(const Instruction& instruction) {
  if (!stages_.any) return;
  const auto at = static_cast<size_t>(&instruction - function.body.data());
  if (stages_.barriers[at]) return restore_all();
  auto now = [&](uint32_t reg) { restore_now(reg); };
  each_source(instruction, now);
  each_definition(instruction, now);
  if (!growth_[at]) return;
  for (uint32_t reg : growth_[at]->registers) {  // what ask_ahead() reads is not among the sources
    const bool late = stages_.late[reg] && !awaited_.contains(reg);
    late ? restore_again(reg) : restore_now(reg);
  }
}

// A register that is kept where it is written has just been written.
void Emitter::keep_written(uint32_t reg) {
  if (!stages_.any || !stages_.once[reg]) return;
  keep(llvm::cast<llvm::AllocaInst>(registers_[reg].at), 2 * reg);
  if (wraps_[reg]) keep(wraps_[reg], 2 * reg + 1);
}

void Emitter::each_kept(const std::vector<uint32_t>& registers,
                        const std::function<void(llvm::AllocaInst* variable, size_t number)>& visit) {
  for (uint32_t reg : registers) {
    visit(llvm::cast<llvm::AllocaInst>(registers_[reg].at), 2 * reg);
    if (wraps_[reg]) visit(wraps_[reg], 2 * reg + 1);
  }
}

Emitter::Arrival& Emitter::arrival(uint32_t barrier) {
  auto [at, added] = arrivals_.try_emplace(barrier);
  if (added) {
    at->second.block = block("arrives");
    at->second.ahead = llvm::PHINode::Create(ir.getInt32Ty(), 2, "ahead", at->second.block);
  }
  return at->second;
}

// A warp with nothing to do up to the next barrier has come to that, too; it waits there until the others are as far.
void Emitter::arrive_together(uint32_t barrier) {
  Arrival& here = arrival(barrier);
  here.ahead->addIncoming(ir.getInt32(0), ir.GetInsertBlock());
  ir.CreateBr(here.block);
  ir.SetInsertPoint(here.block);
  each_kept(stages_.changed[barrier], [&](auto* variable, size_t number) { keep(variable, number); });
  if (const auto& skip = stages_.skips[barrier]) {
    auto foresight = foresee(guard_of(function.body[skip->branch]), barrier + 1, skip->branch);
    if (foresight) {
      Value* on = skip->taken ? foresight->outcome : ir.CreateNot(foresight->outcome);
      Arrival& there = arrival(skip->barrier);
      there.ahead->addIncoming(ir.CreateAdd(here.ahead, ir.getInt32(1)), ir.GetInsertBlock());
      auto* waits = block("waits");
      ir.CreateCondBr(ir.CreateAnd(foresight->agree, on), there.block, waits);
      ir.SetInsertPoint(waits);
    }
  }
  if (stages_.skipped_to[barrier]) ir.CreateStore(here.ahead, head_field(offsetof(KeptHead, ahead)));
}

// The warp goes on only when the others have come to the barrier.
void Emitter::wait_behind(uint32_t barrier, Value* stage) {
  if (!stages_.skipped_to[barrier]) return;
  auto *waits = block("still_ahead"), *goes_on = block("goes_on");
  Value* ahead = ir.CreateLoad(ir.getInt32Ty(), head_field(offsetof(KeptHead, ahead)));
  ir.CreateCondBr(ir.CreateICmpNE(ahead, ir.getInt32(0)), waits, goes_on);
  ir.SetInsertPoint(waits);
  meet(function.body[barrier]);
  let_wait(ahead, stage);
  ir.SetInsertPoint(goes_on);
}

// The warp is `ahead`. Those behind it often are, too, at the same stage: where a block adds up its numbers, fewer and
// fewer of its warps have anything to do.
void Emitter::let_wait(Value* ahead, Value* stage) {
  auto *each = llvm::cast<llvm::PHINode>(warp_)->getParent(), *before = ir.GetInsertBlock();
  auto *waits = block("waits"), *next = block("next"), *alike = block("alike");
  auto field = [&](Value* at, size_t offset, llvm::Type* type) {
    return ir.CreateLoad(type, ir.CreateConstGEP1_32(ir.getInt8Ty(), at, static_cast<unsigned>(offset)));
  };
  ir.CreateBr(waits);
  ir.SetInsertPoint(waits);
  auto *warp = ir.CreatePHI(ir.getPtrTy(), 2), *kept = ir.CreatePHI(ir.getPtrTy(), 2);
  auto* barriers = ir.CreatePHI(ir.getInt32Ty(), 2);
  warp->addIncoming(warp_, before);
  kept->addIncoming(kept_, before);
  barriers->addIncoming(ahead, before);
  ir.CreateStore(ir.CreateSub(barriers, ir.getInt32(1)),
                 ir.CreateConstGEP1_32(ir.getInt8Ty(), kept, offsetof(KeptHead, ahead)));
  Value* more = field(warp, offsetof(Warp, more), ir.getInt32Ty());
  ir.CreateCondBr(ir.CreateICmpNE(more, ir.getInt32(0)), next, all_warps_);
  ir.SetInsertPoint(next);
  Value* behind = ir.CreateConstGEP1_32(ir.getInt8Ty(), warp, sizeof(Warp));
  Value* its_stage = field(behind, offsetof(Warp, stage), ir.getInt32Ty());
  ir.CreateCondBr(ir.CreateICmpEQ(its_stage, stage), alike, each);
  llvm::cast<llvm::PHINode>(warp_)->addIncoming(behind, next);
  ir.SetInsertPoint(alike);
  Value* its_kept = field(behind, offsetof(Warp, kept), ir.getPtrTy());
  Value* its_barriers = field(its_kept, offsetof(KeptHead, ahead), ir.getInt32Ty());
  ir.CreateCondBr(ir.CreateICmpNE(its_barriers, ir.getInt32(0)), waits, each);
  llvm::cast<llvm::PHINode>(warp_)->addIncoming(behind, alike);
  warp->addIncoming(behind, alike);
  kept->addIncoming(its_kept, alike);
  barriers->addIncoming(its_barriers, alike);
}

Emitter::Value* Emitter::head_field(unsigned offset) { return ir.CreateConstGEP1_32(ir.getInt8Ty(), kept_, offset); }

// What the block wants kept for the barrier ahead of it, and from the barrier behind it.
void Emitter::keep_around(uint32_t block) {
  if (!stages_.any) return;
  each_kept(stages_.kept_at[block], [&](auto* variable, size_t number) { keep(variable, number); });
  restore_later(stages_.restored_at[block]);
}

void Emitter::keep_behind(uint32_t block) {
  if (stages_.any)
    each_kept(stages_.kept_behind[block], [&](auto* variable, size_t number) { keep(variable, number); });
}

// The warp has come to that barrier.
void Emitter::meet(const Instruction& barrier) {
  uint32_t bits = is_reduction(barrier) ? two_bits : 1u << barrier_number(barrier);
  ir.CreateStore(ir.CreateOr(ir.CreateLoad(ir.getInt32Ty(), met_), ir.getInt32(bits)), met_);
}

void Emitter::cast_votes(const Instruction& reduction) {
  Value* yes = ir.CreateAnd(mask_of(splat(read_predicate(reduction.operands[2]))), active());
  Value* no = ir.CreateAnd(active(), ir.CreateNot(yes));
  auto count = [&](Value* mask) { return ir.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, mask); };
  ir.CreateStore(count(yes), head_field(offsetof(KeptHead, held)));
  ir.CreateStore(count(no), head_field(offsetof(KeptHead, missed)));
}

void Emitter::write_votes(const Instruction& reduction) {
  const bool every = reduction.modifiers.has("and");
  const auto offset = every ? offsetof(KeptHead, missed) : offsetof(KeptHead, held);
  Value* votes = ir.CreateLoad(ir.getInt32Ty(), head_field(offset));
  if (reduction.modifiers.has("popc")) return write(reduction.operands[0], votes, ptx::Type::u32);
  Value* none = ir.CreateICmpEQ(votes, ir.getInt32(0));
  write(reduction.operands[0], every ? none : ir.CreateNot(none));
}

// The warp's part in this round ends at a barrier, in the next one it goes on behind it.
void Emitter::end_stage(const Instruction& instruction) {
  const auto at = static_cast<uint32_t>(&instruction - function.body.data());
  const bool some = block_mask_ != every_lane(), reduction = is_reduction(instruction);
  if (reduction) cast_votes(instruction);
  if (some) {
    each_kept(stages_.changed[at], [&](auto* variable, size_t number) { keep(variable, number); });
    ir.CreateStore(block_mask_, kept_);
  } else {
    arrive_together(at);
  }
  meet(instruction);
  ++stage_count_;
  Value* stage = ir.getInt32(stage_number(stage_count_, barrier_number(instruction), reduction));
  set_stage(stage);
  ir.CreateBr(next_warp_);
  auto* next = block("stage");
  resumed_->addCase(ir.getInt32(stage_count_), next);
  ir.SetInsertPoint(next);
  if (!some) wait_behind(at, stage);
  restore_later(stages_.restored[at]);
  if (some) block_mask_ = active_ = ir.CreateLoad(ir.getInt32Ty(), kept_);
  if (reduction) write_votes(instruction);
}

}  // namespace software
