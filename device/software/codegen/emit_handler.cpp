// Handlers: the code of one instruction, for registers that lie in memory and numbers that the step names. What the
// instruction does is emitted by the same families that compile whole kernels, so that both tiers agree to the bit.
#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/run/steps.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;
using llvm::Type;

void Emitter::emit_handler(bool all_lanes) {
  ir.SetInsertPoint(block("entry"));
  warp_ = target_->getArg(0);
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
    Type* element = ir.getIntNTy(ptx::bits(function.registers[i].type));
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

}  // namespace software
