// An empty assembly statement hides where a value comes from and costs no instruction.
#include "device/software/codegen/masks.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/TargetParser/Triple.h>

namespace software {
namespace {

using llvm::BinaryOperator;
using llvm::Instruction;
using llvm::Value;

bool is_mask(llvm::Type* type) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector && vector->getElementType()->isIntegerTy(1);
}

// bitcast iN to <N x i1>
llvm::BitCastInst* mask_from_integer(Value* value) {
  auto* cast = llvm::dyn_cast<llvm::BitCastInst>(value);
  return cast && is_mask(cast->getType()) && cast->getSrcTy()->isIntegerTy() ? cast : nullptr;
}

bool moves(const Value* value) {
  auto* instruction = llvm::dyn_cast<Instruction>(value);
  if (!instruction) return false;
  switch (instruction->getOpcode()) {
    case Instruction::Or:
    case Instruction::Xor:
    case Instruction::Shl:
    case Instruction::ZExt:
    case Instruction::Trunc: return true;
    default: return false;
  }
}

Value* hidden(llvm::IRBuilder<>& ir, Value* value) {
  auto* type = llvm::FunctionType::get(value->getType(), {value->getType()}, false);
  return ir.CreateCall(type, llvm::InlineAsm::get(type, "", "=r,0", false), {value});
}

// or and xor of masks, one of which was an integer.
void as_integers(BinaryOperator& operation) {
  llvm::IRBuilder<> ir(&operation);
  auto* integer = ir.getIntNTy(operation.getType()->getPrimitiveSizeInBits());
  Value* a = ir.CreateBitCast(operation.getOperand(0), integer);
  Value* b = ir.CreateBitCast(operation.getOperand(1), integer);
  Value* result = ir.CreateBitCast(hidden(ir, ir.CreateBinOp(operation.getOpcode(), a, b)), operation.getType());
  operation.replaceAllUsesWith(result);
  operation.eraseFromParent();
}

void pin_masks(llvm::Function& function) {
  for (Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(function))) {
    auto* operation = llvm::dyn_cast<BinaryOperator>(&instruction);
    bool moved = operation && (operation->getOpcode() == Instruction::Or || operation->getOpcode() == Instruction::Xor);
    if (!moved || !is_mask(operation->getType()) || operation->getType()->getPrimitiveSizeInBits() > 64) continue;
    if (mask_from_integer(operation->getOperand(0)) || mask_from_integer(operation->getOperand(1)))
      as_integers(*operation);
  }
  for (Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(function))) {
    auto* cast = mask_from_integer(&instruction);
    if (!cast || !moves(cast->getOperand(0))) continue;
    llvm::IRBuilder<> ir(cast);
    cast->setOperand(0, hidden(ir, cast->getOperand(0)));
  }
}

// i32 to a byte per lane: each byte of the integer is spread over eight lanes, where a lane keeps its own bit.
Value* spread(llvm::IRBuilder<>& ir, Value* integer, unsigned lanes) {
  Value* bytes = ir.CreateBitCast(integer, llvm::FixedVectorType::get(ir.getInt8Ty(), lanes / 8));
  std::vector<int> order;
  std::vector<llvm::Constant*> bits;
  for (unsigned i = 0; i < lanes; ++i) {
    order.push_back(static_cast<int>(i / 8));
    bits.push_back(ir.getInt8(static_cast<uint8_t>(1u << i % 8)));
  }
  Value* own = llvm::ConstantVector::get(bits);
  return ir.CreateICmpEQ(ir.CreateAnd(ir.CreateShuffleVector(bytes, order), own), own);
}

// Without mask registers LLVM takes an integer's bits apart one by one wherever it becomes a mask.
void spread_masks(llvm::Function& function) {
  for (Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(function))) {
    auto* cast = mask_from_integer(&instruction);
    if (!cast || cast->getSrcTy()->getIntegerBitWidth() % 8) continue;
    llvm::IRBuilder<> ir(cast);
    cast->replaceAllUsesWith(spread(ir, cast->getOperand(0), cast->getSrcTy()->getIntegerBitWidth()));
    cast->eraseFromParent();
  }
}

}  // namespace

void pin_masks(llvm::Module& module, const llvm::TargetMachine& machine) {
  if (!machine.getTargetTriple().isX86()) return;
  for (llvm::Function& function : module) {
    pin_masks(function);
    if (!machine.getMCSubtargetInfo()->checkFeatures("+avx512bw")) spread_masks(function);
  }
}

}  // namespace software
