// What steps and machine code share. Handlers: the code of one instruction, for registers that lie in memory and
// numbers that the step names; what the instruction does is emitted by the same families that compile whole kernels, so
// that both tiers agree to the bit. And the way from one tier to the other in the middle of a loop.
#include <llvm/IR/Intrinsics.h>

#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/pass/mixing.h"
#include "device/software/run/steps.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;

void Emitter::emit_handler(bool all_lanes) {
  ir.SetInsertPoint(block("entry"));
  warp_ = target_->getArg(0);
  stages_ = {};
  begin_warps();
  Value* frame = target_->getArg(2);
  given_ = target_->getArg(3);
  launch_ = warp_field(offsetof(Warp, launch), ir.getPtrTy());
  entry_mask_ = warp_field(offsetof(Warp, lanes), ir.getInt32Ty());
  frame_ = ir.CreatePtrToInt(warp_field(offsetof(Warp, local), ir.getPtrTy()), ir.getInt64Ty());
  shape_.shapes.assign(function.registers.size(), varying_shape);
  shape_.blended.assign(function.registers.size(), true);
  shape_.divergent.assign(flow_.blocks.size(), true);
  wraps_.assign(function.registers.size(), nullptr);
  for (size_t i = 0; i < function.registers.size(); ++i) {
    llvm::Type* element = ir.getIntNTy(ptx::bits(function.registers[i].type));
    registers_.push_back({ir.CreateGEP(ir.getInt8Ty(), frame, given(i)), FixedVectorType::get(element, lanes)});
  }
  carry = ir.CreateConstGEP1_32(ir.getInt8Ty(), frame, carry_offset);
  block_mask_ = all_lanes ? every_lane() : target_->getArg(1);
  emit_instruction(function.body.at(0));
  ir.CreateRetVoid();
}

Emitter::Value* Emitter::given(uint64_t index) {
  return ir.CreateLoad(ir.getInt64Ty(), ir.CreateConstGEP1_64(ir.getInt64Ty(), given_, index));
}

// As real_bits() in values.cpp, at run time.
Emitter::Value* Emitter::given_number(const Operand& operand, ptx::Type type) {
  Value* value = given(operand.index);
  unsigned width = type == ptx::Type::pred ? 1 : ptx::bits(type);
  if (operand.base_kind == Operand::real && operand.single && type == ptx::Type::f64)
    return ir.CreateBitCast(
        ir.CreateFPExt(ir.CreateBitCast(ir.CreateTrunc(value, ir.getInt32Ty()), ir.getFloatTy()), ir.getDoubleTy()),
        ir.getInt64Ty());
  if (operand.base_kind == Operand::real && !operand.single && width != 64)
    value =
        ir.CreateBitCast(ir.CreateFPTrunc(ir.CreateBitCast(value, ir.getDoubleTy()), ir.getFloatTy()), ir.getInt32Ty());
  return width < 64 ? ir.CreateZExtOrTrunc(value, ir.getIntNTy(width)) : ir.CreateZExt(value, ir.getIntNTy(width));
}

// What is added to an address.
Emitter::Value* Emitter::displacement(const Operand& operand) {
  return given_ ? given(static_cast<uint64_t>(operand.value)) : ir.getInt64(static_cast<uint64_t>(operand.value));
}

void Emitter::emit_resumption(const FunctionSteps& steps) {
  ir.SetInsertPoint(block("entry"));
  warp_ = target_->getArg(0);
  stages_ = {};
  begin_warps();
  launch_ = warp_field(offsetof(Warp, launch), ir.getPtrTy());
  entry_mask_ = warp_field(offsetof(Warp, lanes), ir.getInt32Ty());
  keep_lanes_apart();
  prepare_frame();
  prepare_registers();
  take_over(steps);
  resumes_ = true;
  emit_flow();
}

// What is written while lanes are elsewhere has no one value that could be taken over.
void Emitter::keep_lanes_apart() {
  for (size_t block = 0; block < flow_.blocks.size(); ++block)
    for (uint32_t i = flow_.blocks[block].first; shape_.divergent[block] && i < flow_.blocks[block].last; ++i)
      each_definition(function.body[i], [&](uint32_t reg) {
        shape_.shapes[reg] = varying_shape;
        shape_.blended[reg] = true;
      });
}

// The values that the steps' registers have, which lie in memory lane by lane.
void Emitter::take_over(const FunctionSteps& steps) {
  Value *frame = target_->getArg(1), *lanes_here = target_->getArg(3);
  auto at = [&](uint64_t offset) { return ir.CreateConstGEP1_64(ir.getInt8Ty(), frame, offset); };
  Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {lanes_here, ir.getTrue()});
  for (size_t i = 0; i < registers_.size(); ++i) {
    llvm::Type* element = registers_[i].type->getScalarType();
    Value* all = ir.CreateLoad(FixedVectorType::get(element, lanes), at(steps.registers[i]));
    ir.CreateStore(registers_[i].type->isVectorTy() ? all : ir.CreateExtractElement(all, lane), registers_[i].at);
  }
  auto* flags = FixedVectorType::get(ir.getInt1Ty(), lanes);
  ir.CreateStore(ir.CreateLoad(flags, at(carry_offset)), carry);
  for (size_t place = 0; place < layout_.order.size(); ++place)
    ir.CreateStore(ir.CreateLoad(ir.getInt32Ty(), at(steps.waiting + 4 * place)), masks_[layout_.order[place]]);
}

// To the block where lanes are: the first, or the header of a loop.
void Emitter::go_on() {
  parts_ = true;
  auto* nowhere = block("nowhere");
  auto* choice = ir.CreateSwitch(target_->getArg(2), nowhere);
  auto enter = [&](uint32_t header) {
    if (choice->findCaseValue(ir.getInt32(position_[header])) != choice->case_default()) return;
    auto* here = block("resume");
    choice->addCase(ir.getInt32(position_[header]), here);
    ir.SetInsertPoint(here);
    ir.CreateStore(target_->getArg(3), masks_[header]);
    ir.CreateBr(check_[position_[header]]);
  };
  enter(layout_.order[0]);
  for (const Region& region : layout_.regions) enter(region.header);
  ir.SetInsertPoint(nowhere);
  ir.CreateUnreachable();
}

}  // namespace software
