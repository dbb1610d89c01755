// The code of a kernel that runs in stages (pass/stages.h): at a barrier it keeps the registers that are wanted behind
// it in the warp's own memory and goes on with the next warp; called again, it goes on behind the barrier.
#include <bit>
#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/run/stages.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;
using llvm::Type;

namespace {

// In what a warp keeps, behind the lanes that go on: how many barriers it is ahead of the others.
constexpr unsigned ahead_offset = 4;

}  // namespace

// One call runs a stage of all warps of the block, which lie side by side: everything that is emitted from here on is
// inside a loop over them.
void Emitter::begin_warps() {
  first_warp_ = warp_;
  if (!stages_.any) return;
  auto *entry = ir.GetInsertBlock(), *each = block("each_warp"), *done = block("all_warps");
  next_warp_ = block("next_warp");
  ir.CreateBr(each);
  ir.SetInsertPoint(each);
  auto* warp = ir.CreatePHI(ir.getPtrTy(), 2);
  warp->addIncoming(warp_, entry);
  warp_ = warp;
  ir.CreateStore(warp_, ir.CreateConstGEP1_32(ir.getInt8Ty(), first_warp_, offsetof(Warp, running)));
  ir.SetInsertPoint(next_warp_);
  warp->addIncoming(ir.CreateConstGEP1_32(ir.getInt8Ty(), warp_, sizeof(Warp)), next_warp_);
  ir.CreateCondBr(ir.CreateICmpNE(warp_field(offsetof(Warp, more), ir.getInt32Ty()), ir.getInt32(0)), each, done);
  ir.SetInsertPoint(done);
  ir.CreateRetVoid();
  ir.SetInsertPoint(each);
}

// What is emitted next is the first stage.
void Emitter::begin_stages() {
  if (!stages_.any) return;
  kept_ = warp_field(offsetof(Warp, kept), ir.getPtrTy());
  kept_at_.assign(2 * function.registers.size(), ~uint64_t{0});
  auto* first = block("first_stage");
  resumed_ = ir.CreateSwitch(warp_field(offsetof(Warp, stage), ir.getInt32Ty()), first);
  ir.SetInsertPoint(first);
}

// The kernel's end.
void Emitter::end_stages() {
  if (!stages_.any) return void(ir.CreateRetVoid());
  if (stage_count_ > 0) {
    resumed_->addCase(ir.getInt32(no_stage), next_warp_);
    set_stage(ir.getInt32(no_stage));
  } else {
    kept_bytes_ = one_stage;
  }
  ir.CreateBr(next_warp_);
}

void Emitter::set_stage(Value* stage) {
  ir.CreateStore(stage, ir.CreateConstGEP1_32(ir.getInt8Ty(), warp_, offsetof(Warp, stage)));
}

// Where a variable of the emitter is kept; `number` tells it from others.
Emitter::Kept Emitter::kept_place(llvm::AllocaInst* variable, size_t number) {
  Type* type = variable->getAllocatedType();
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
  Type* type = variable->getAllocatedType();
  Value* value = ir.CreateAlignedLoad(kept.flags ? kept.flags : type, kept.place, kept.alignment);
  if (kept.flags) value = ir.CreateTrunc(value, ir.getIntNTy(static_cast<unsigned>(type->getPrimitiveSizeInBits())));
  ir.CreateStore(kept.flags ? ir.CreateBitCast(value, type) : value, variable);
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
  if (stages_.skipped_to[barrier])
    ir.CreateStore(here.ahead, ir.CreateConstGEP1_32(ir.getInt8Ty(), kept_, ahead_offset));
}

// The warp goes on only when the others have come to the barrier.
void Emitter::wait_behind(uint32_t barrier) {
  if (!stages_.skipped_to[barrier]) return;
  auto *waits = block("still_ahead"), *goes_on = block("goes_on");
  Value* ahead = ir.CreateLoad(ir.getInt32Ty(), ir.CreateConstGEP1_32(ir.getInt8Ty(), kept_, ahead_offset));
  ir.CreateCondBr(ir.CreateICmpNE(ahead, ir.getInt32(0)), waits, goes_on);
  ir.SetInsertPoint(waits);
  ir.CreateStore(ir.CreateSub(ahead, ir.getInt32(1)), ir.CreateConstGEP1_32(ir.getInt8Ty(), kept_, ahead_offset));
  ir.CreateBr(next_warp_);
  ir.SetInsertPoint(goes_on);
}

// A barrier whose number is `barrier`: the warp's part in this call ends, in the next one it goes on behind it.
void Emitter::end_stage(const Instruction& instruction, uint32_t barrier) {
  const auto at = static_cast<uint32_t>(&instruction - function.body.data());
  bool some = block_mask_ != every_lane();
  if (some) {
    each_kept(stages_.changed[at], [&](auto* variable, size_t number) { keep(variable, number); });
    ir.CreateStore(block_mask_, kept_);
  } else {
    arrive_together(at);
  }
  auto* stage = ir.getInt32(stage_number(++stage_count_, barrier));
  set_stage(stage);
  ir.CreateBr(next_warp_);
  auto* next = block("stage");
  resumed_->addCase(stage, next);
  ir.SetInsertPoint(next);
  if (!some) wait_behind(at);
  each_kept(stages_.kept[at], [&](auto* variable, size_t number) { restore(variable, number); });
  if (some) block_mask_ = active_ = ir.CreateLoad(ir.getInt32Ty(), kept_);
}

}  // namespace software
