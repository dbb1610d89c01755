// atom and red, lane by lane, vectors element by element (PTX ISA, "Parallel Synchronization and Communication
// Instructions").
#include <llvm/IR/Intrinsics.h>

#include <functional>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/narrow.h"
#include "device/software/pass/instructions.h"
#include "device/software/run/warp.h"

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

// Compares and swaps until nobody came between; `next` makes the new bits of the old ones. Gives the old bits.
Value* looped(Emitter& emitter, Value* pointer, Type type, llvm::Align align,
              const std::function<Value*(Value*)>& next) {
  auto& ir = emitter.ir;
  auto* function = ir.GetInsertBlock()->getParent();
  auto* again = llvm::BasicBlock::Create(ir.getContext(), "again", function);
  auto* done = llvm::BasicBlock::Create(ir.getContext(), "done", function);
  auto* bits = ir.getIntNTy(ptx::bits(type));
  auto* last = emitter.scratch(bits);
  ir.CreateStore(ir.CreateAlignedLoad(bits, pointer, align), last);
  ir.CreateBr(again);
  ir.SetInsertPoint(again);
  Value* old = ir.CreateLoad(bits, last);
  auto order = AtomicOrdering::SequentiallyConsistent;
  Value* outcome = ir.CreateAtomicCmpXchg(pointer, old, next(old), align, order, order);
  ir.CreateStore(ir.CreateExtractValue(outcome, 0), last);
  ir.CreateCondBr(ir.CreateExtractValue(outcome, 1), done, again);
  ir.SetInsertPoint(done);
  return old;
}

bool is_bfloat(Type type) { return type == Type::bf16 || type == Type::bf16x2; }

// What no processor does at once: add of bf16 (LLVM's own way rounds as narrow.h says), min and max of 16-bit floats.
Value* computed(Emitter& emitter, const std::string& name, Value* old, Value* value, Type type) {
  auto& ir = emitter.ir;
  auto real = [&](Value* bits) {
    Value* made = emitter.as_float(bits, type);
    return is_bfloat(type) ? from_bfloat(emitter, made) : made;
  };
  Value *a = real(old), *b = real(value), *result;
  if (name == "add") {
    result = ir.CreateFAdd(a, b);
  } else {
    bool min = name == "min";
    result = ir.CreateBinaryIntrinsic(min ? llvm::Intrinsic::minimum : llvm::Intrinsic::maximum, a, b);
    result = ir.CreateSelect(ir.CreateFCmpUNO(a, a), b, result);
    result = ir.CreateSelect(ir.CreateFCmpUNO(b, b), a, result);
  }
  if (is_bfloat(type)) result = to_bfloat(emitter, result, ptx::Rounding::rn);
  return ir.CreateBitCast(result, old->getType());
}

// 128 bits: out of line, since not every processor that code is made for has them.
Value* swapped_wide(Emitter& emitter, Value* pointer, Value* expected, Value* desired) {
  auto& ir = emitter.ir;
  auto* wide = ir.getIntNTy(128);
  auto kept = [&](Value* value) {
    auto* room = emitter.scratch(wide);
    if (value) ir.CreateStore(value, room);
    return room;
  };
  Value* none = llvm::Constant::getNullValue(ir.getPtrTy());
  auto* old = kept(nullptr);
  emitter.hook("outboard_swap_128", ir.getVoidTy(), {pointer, expected ? kept(expected) : none, kept(desired), old});
  return ir.CreateLoad(wide, old);
}

// One atom or red, or one element of a vector's.
struct Atomic {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type type = modifiers.type;
  unsigned width = ptx::bits(type);
  llvm::Align align{std::max(width / 8, 1u)};
  llvm::IRBuilder<>& ir = emitter.ir;
  size_t at = instruction.opcode == Opcode::atom ? 1 : 0;  // of the address
  bool swap = modifiers.operation == "cas";
  AtomicRMWInst::BinOp chosen = operation(modifiers.operation, type);
  bool narrow = type == Type::f16 || type == Type::f16x2 || is_bfloat(type);
  bool by_loop = narrow && (modifiers.operation == "min" || modifiers.operation == "max" ||
                            (is_bfloat(type) && modifiers.operation == "add"));
  // Only its cluster's warps see a block's shared memory, and they take turns on one thread.
  bool alone = modifiers.space == ptx::Space::shared;

  Value* swapped(Value* pointer, Value* expected, Value* desired) {
    if (width == 128) return swapped_wide(emitter, pointer, expected, desired);
    if (alone) {
      Value* old = ir.CreateAlignedLoad(ir.getIntNTy(width), pointer, align);
      ir.CreateAlignedStore(ir.CreateSelect(ir.CreateICmpEQ(old, expected), desired, old), pointer, align);
      return old;
    }
    auto order = AtomicOrdering::SequentiallyConsistent;
    return ir.CreateExtractValue(ir.CreateAtomicCmpXchg(pointer, expected, desired, align, order, order), 0);
  }
  Value* updated(Value* pointer, Value* value) {
    if (width == 128) return swapped_wide(emitter, pointer, nullptr, value);
    if (by_loop)
      return looped(emitter, pointer, type, align,
                    [&](Value* old) { return computed(emitter, modifiers.operation, old, value, type); });
    bool real = chosen == AtomicRMWInst::FAdd;
    if (real) value = emitter.as_float(value, type);
    Value* old;
    if (alone && is_plain(chosen)) {
      old = ir.CreateAlignedLoad(value->getType(), pointer, align);
      ir.CreateAlignedStore(combined(ir, chosen, old, value), pointer, align);
    } else {
      old = ir.CreateAtomicRMW(chosen, pointer, value, align, AtomicOrdering::SequentiallyConsistent);
    }
    return real ? ir.CreateBitCast(old, ir.getIntNTy(width)) : old;
  }

  void element(Value* addresses, unsigned i) {
    auto part = [&](const ptx::Operand& operand) { return modifiers.vector > 1 ? operand.elements.at(i) : operand; };
    Value* operand = emitter.read(part(instruction.operands[at + 1]), type);
    Value* desired = swap ? emitter.read(instruction.operands.at(at + 2), type) : nullptr;
    bool wanted = at && is_read(part(instruction.operands[0]));
    auto* olds = emitter.scratch(llvm::FixedVectorType::get(ir.getIntNTy(width), emitter.lanes));
    PerLane address(emitter, addresses), first(emitter, operand), second(emitter, desired ? desired : operand);
    each_lane([&](Value* lane) {
      Value* pointer = ir.CreateIntToPtr(address.at(lane), ir.getPtrTy());
      pointer = ir.CreateConstGEP1_32(ir.getInt8Ty(), pointer, i * width / 8);
      Value* value = first.at(lane);
      Value* old = swap ? swapped(pointer, value, second.at(lane)) : updated(pointer, value);
      if (wanted) ir.CreateAlignedStore(old, ir.CreateGEP(ir.getIntNTy(width), olds, lane), align);
    });
    if (wanted) emitter.write(part(instruction.operands[0]), ir.CreateLoad(olds->getAllocatedType(), olds), type);
  }

  // nvcc gives every atomic a result, also where the program has no use for it.
  bool is_read(const ptx::Operand& result) const {
    if (result.kind != ptx::Operand::reg) return result.kind == ptx::Operand::vector;
    bool found = false;
    for (const ptx::Instruction& reader : emitter.function.body)
      each_source(reader, [&](uint32_t reg) { found = found || reg == result.index; });
    return found || emitter.function.body.size() <= 1;  // a handler's instruction knows no others
  }

  // Where all lanes run and each takes a few instructions, several of them make up one turn of the loop.
  void each_lane(const std::function<void(Value*)>& body) {
    constexpr unsigned at_once = 8;
    if (!emitter.all_run() || !alone || width > 64) return emitter.each_active_lane(body);
    auto* function = ir.GetInsertBlock()->getParent();
    auto *before = ir.GetInsertBlock(), *turn = llvm::BasicBlock::Create(ir.getContext(), "lanes", function);
    auto* after = llvm::BasicBlock::Create(ir.getContext(), "all_lanes", function);
    ir.CreateBr(turn);
    ir.SetInsertPoint(turn);
    auto* lane = ir.CreatePHI(ir.getInt32Ty(), 2);
    lane->addIncoming(ir.getInt32(0), before);
    for (unsigned i = 0; i < at_once; ++i) body(i ? ir.CreateNUWAdd(lane, ir.getInt32(i)) : lane);
    Value* next = ir.CreateNUWAdd(lane, ir.getInt32(at_once));
    lane->addIncoming(next, ir.GetInsertBlock());
    ir.CreateCondBr(ir.CreateICmpULT(next, ir.getInt32(emitter.lanes)), turn, after);
    ir.SetInsertPoint(after);
  }

  void run() {
    bool exchange = modifiers.operation == "exch";
    if (width < 16 || (!swap && !by_loop && chosen == AtomicRMWInst::BAD_BINOP) || (width == 128 && !swap && !exchange))
      emitter.unsupported(instruction);
    Value* addresses = emitter.address_of(instruction.operands[at], modifiers.space);
    uint32_t how = outboard_reads | outboard_writes | outboard_strong;
    if (releases(modifiers)) how |= outboard_releases;
    addresses = emitter.checked(addresses, {width / 8 * modifiers.vector, modifiers.space, how, modifiers.vector});
    emitter.require_aligned(addresses, width / 8 * modifiers.vector);
    for (unsigned i = 0; i < modifiers.vector; ++i) element(addresses, i);
    // Locks are built from these two: give other warps a turn.
    if (swap || exchange) emitter.hook("outboard_yield", ir.getVoidTy(), {emitter.warp()});
  }
};

// PTX ISA, "membar / fence": those that order memory for more threads than the block's.
void emit_fence(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  emitter.ir.CreateFence(AtomicOrdering::SequentiallyConsistent);
  const bool wide = modifiers.has("gl") || modifiers.has("gpu") || modifiers.has("sys");
  if (wide && emitter.is_checked()) emitter.hook("outboard_check_fence", emitter.ir.getVoidTy(), {emitter.warp()});
}

}  // namespace

bool emit_atomic(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::atom:
    case Opcode::red: Atomic{emitter, instruction}.run(); return true;
    case Opcode::membar:
    case Opcode::fence: emit_fence(emitter, instruction); return true;
    default: return false;
  }
}

}  // namespace software
