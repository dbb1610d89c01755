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

// A barrier whose number is `barrier`: the warp's part in this call ends, in the next one it goes on behind it.
void Emitter::end_stage(const Instruction& instruction, uint32_t barrier) {
  const auto& registers = stages_.kept[static_cast<size_t>(&instruction - function.body.data())];
  auto each = [&](auto&& visit) {
    for (uint32_t reg : registers) {
      visit(llvm::cast<llvm::AllocaInst>(registers_[reg].at), 2 * reg);
      if (wraps_[reg]) visit(wraps_[reg], 2 * reg + 1);
    }
  };
  each([&](llvm::AllocaInst* variable, size_t number) {
    if (!stages_.once[number / 2]) keep(variable, number);
  });
  bool some = block_mask_ != every_lane();
  if (some) ir.CreateStore(block_mask_, kept_);
  auto* stage = ir.getInt32(stage_number(++stage_count_, barrier));
  set_stage(stage);
  ir.CreateBr(next_warp_);
  auto* next = block("stage");
  resumed_->addCase(stage, next);
  ir.SetInsertPoint(next);
  each([&](llvm::AllocaInst* variable, size_t number) { restore(variable, number); });
  if (some) block_mask_ = active_ = ir.CreateLoad(ir.getInt32Ty(), kept_);
}

}  // namespace software
