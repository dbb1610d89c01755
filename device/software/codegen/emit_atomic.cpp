// atom and red, lane by lane (PTX ISA, "Parallel Synchronization and Communication Instructions").
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/narrow.h"

namespace software {
namespace {

using llvm::AtomicOrdering;
using llvm::AtomicRMWInst;
using llvm::Value;
using ptx::Opcode;
using ptx::Type;

AtomicRMWInst::BinOp operation(const std::string& name, Type type) {
  bool is_signed = ptx::is_signed(type), real = ptx::is_float(type);
  if (name == "add") return real ? AtomicRMWInst::FAdd : AtomicRMWInst::Add;
  if (name == "exch") return AtomicRMWInst::Xchg;
  if (name == "and") return AtomicRMWInst::And;
  if (name == "or") return AtomicRMWInst::Or;
  if (name == "xor") return AtomicRMWInst::Xor;
  if (name == "inc") return AtomicRMWInst::UIncWrap;
  if (name == "dec") return AtomicRMWInst::UDecWrap;
  if (name == "min" && !real) return is_signed ? AtomicRMWInst::Min : AtomicRMWInst::UMin;
  if (name == "max" && !real) return is_signed ? AtomicRMWInst::Max : AtomicRMWInst::UMax;
  return AtomicRMWInst::BAD_BINOP;
}

// A value of every lane where a loop over lanes can get at it: in memory, if the lanes differ.
class PerLane {
 public:
  PerLane(Emitter& emitter, Value* value) : emitter_(emitter), value_(value) {
    if (!Emitter::varying(value)) return;
    slot_ = emitter.scratch(value->getType());
    emitter.ir.CreateStore(value, slot_);
  }
  Value* at(Value* lane) const {
    if (!slot_) return value_;
    auto* element = value_->getType()->getScalarType();
    auto& ir = emitter_.ir;
    return ir.CreateAlignedLoad(element, ir.CreateGEP(element, slot_, lane),
                                llvm::Align(element->getPrimitiveSizeInBits() / 8));
  }

 private:
  Emitter& emitter_;
  Value* value_;
  llvm::AllocaInst* slot_ = nullptr;
};

// What a plain load, one instruction and a store do as well where nobody looks on.
bool is_plain(AtomicRMWInst::BinOp chosen) {
  switch (chosen) {
    case AtomicRMWInst::Add:
    case AtomicRMWInst::FAdd:
    case AtomicRMWInst::And:
    case AtomicRMWInst::Or:
    case AtomicRMWInst::Xor:
    case AtomicRMWInst::Xchg:
    case AtomicRMWInst::Min:
    case AtomicRMWInst::Max:
    case AtomicRMWInst::UMin:
    case AtomicRMWInst::UMax: return true;
    default: return false;
  }
}

Value* combined(llvm::IRBuilder<>& ir, AtomicRMWInst::BinOp chosen, Value* old, Value* value) {
  switch (chosen) {
    case AtomicRMWInst::Add: return ir.CreateAdd(old, value);
    case AtomicRMWInst::FAdd: return ir.CreateFAdd(old, value);
    case AtomicRMWInst::And: return ir.CreateAnd(old, value);
    case AtomicRMWInst::Or: return ir.CreateOr(old, value);
    case AtomicRMWInst::Xor: return ir.CreateXor(old, value);
    case AtomicRMWInst::Min: return ir.CreateBinaryIntrinsic(llvm::Intrinsic::smin, old, value);
    case AtomicRMWInst::Max: return ir.CreateBinaryIntrinsic(llvm::Intrinsic::smax, old, value);
    case AtomicRMWInst::UMin: return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, old, value);
    case AtomicRMWInst::UMax: return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umax, old, value);
    default: return value;
  }
}

// atom.add of .bf16 and .bf16x2: no processor has it, and LLVM's own way rounds as narrow.h says.
Value* add_bfloats(Emitter& emitter, Value* pointer, Value* value, Type type, llvm::Align align) {
  auto& ir = emitter.ir;
  auto* function = ir.GetInsertBlock()->getParent();
  auto* again = llvm::BasicBlock::Create(ir.getContext(), "again", function);
  auto* done = llvm::BasicBlock::Create(ir.getContext(), "done", function);
  auto* last = emitter.scratch(value->getType());
  ir.CreateStore(ir.CreateAlignedLoad(value->getType(), pointer, align), last);
  ir.CreateBr(again);
  ir.SetInsertPoint(again);
  Value* old = ir.CreateLoad(value->getType(), last);
  auto real = [&](Value* bits) { return from_bfloat(emitter, emitter.as_float(bits, type)); };
  Value* sum = to_bfloat(emitter, ir.CreateFAdd(real(old), real(value)), ptx::Rounding::rn);
  auto order = AtomicOrdering::SequentiallyConsistent;
  Value* outcome = ir.CreateAtomicCmpXchg(pointer, old, ir.CreateBitCast(sum, value->getType()), align, order, order);
  ir.CreateStore(ir.CreateExtractValue(outcome, 0), last);
  ir.CreateCondBr(ir.CreateExtractValue(outcome, 1), done, again);
  ir.SetInsertPoint(done);
  return old;
}

void emit(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  size_t at = instruction.opcode == Opcode::atom ? 1 : 0;
  Type type = modifiers.type;
  bool swap = modifiers.operation == "cas";
  auto chosen = operation(modifiers.operation, type);
  bool packed = type == Type::f16x2 || type == Type::bf16x2;
  if ((!swap && chosen == AtomicRMWInst::BAD_BINOP) || modifiers.vector > 1 ||
      (packed && chosen != AtomicRMWInst::FAdd) || ptx::bits(type) > 64)
    emitter.unsupported(instruction);
  unsigned width = ptx::bits(type);
  llvm::Align align(width / 8);
  Value* addresses = emitter.address_of(instruction.operands[at], modifiers.space);
  emitter.require_aligned(addresses, width / 8);
  Value* operand = emitter.read(instruction.operands[at + 1], type);
  Value* desired = swap ? emitter.read(instruction.operands[at + 2], type) : nullptr;
  auto* olds = emitter.scratch(llvm::FixedVectorType::get(ir.getIntNTy(width), lanes));
  PerLane address(emitter, addresses), first(emitter, operand), second(emitter, desired ? desired : operand);
  // Only its cluster's warps see a block's shared memory, and they take turns on one thread.
  bool alone = modifiers.space == ptx::Space::shared;
  emitter.each_active_lane([&](Value* lane) {
    Value* pointer = ir.CreateIntToPtr(address.at(lane), ir.getPtrTy());
    Value* value = first.at(lane);
    Value* old;
    if (swap && alone) {
      old = ir.CreateAlignedLoad(ir.getIntNTy(width), pointer, align);
      ir.CreateAlignedStore(ir.CreateSelect(ir.CreateICmpEQ(old, value), second.at(lane), old), pointer, align);
    } else if (swap) {
      old = ir.CreateExtractValue(
          ir.CreateAtomicCmpXchg(pointer, value, second.at(lane), align, AtomicOrdering::SequentiallyConsistent,
                                 AtomicOrdering::SequentiallyConsistent),
          0);
    } else if (type == Type::bf16 || type == Type::bf16x2) {
      old = chosen == AtomicRMWInst::FAdd
                ? add_bfloats(emitter, pointer, value, type, align)
                : ir.CreateAtomicRMW(chosen, pointer, value, align, AtomicOrdering::SequentiallyConsistent);
    } else {
      if (chosen == AtomicRMWInst::FAdd) value = emitter.as_float(value, type);
      if (alone && is_plain(chosen)) {
        old = ir.CreateAlignedLoad(value->getType(), pointer, align);
        ir.CreateAlignedStore(combined(ir, chosen, old, value), pointer, align);
      } else {
        old = ir.CreateAtomicRMW(chosen, pointer, value, align, AtomicOrdering::SequentiallyConsistent);
      }
      if (chosen == AtomicRMWInst::FAdd) old = ir.CreateBitCast(old, ir.getIntNTy(width));
    }
    ir.CreateAlignedStore(old, ir.CreateGEP(ir.getIntNTy(width), olds, lane), align);
  });
  if (instruction.opcode == Opcode::atom)
    emitter.write(instruction.operands[0], ir.CreateLoad(olds->getAllocatedType(), olds), type);
  // Locks are built from these two: give other warps a turn.
  if (swap || modifiers.operation == "exch") emitter.hook("outboard_yield", ir.getVoidTy(), {emitter.warp()});
}

}  // namespace

bool emit_atomic(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::atom:
    case Opcode::red: emit(emitter, instruction); return true;
    case Opcode::membar:
    case Opcode::fence: emitter.ir.CreateFence(AtomicOrdering::SequentiallyConsistent); return true;
    default: return false;
  }
}

}  // namespace software
