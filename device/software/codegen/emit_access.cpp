// Loads, stores and address conversion. A warp's addresses are looked at while it runs: neighbours are one vector
// access, anything else a gather or scatter.
#include <llvm/IR/Intrinsics.h>

#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::Align;
using llvm::FixedVectorType;
using llvm::Value;
using ptx::Opcode;
using ptx::Space;

unsigned access_bytes(ptx::Type type) { return std::max(1u, ptx::bits(type) / 8); }

llvm::Value* pointers(Emitter& emitter, Value* addresses) {
  return emitter.ir.CreateIntToPtr(addresses, emitter.shaped(emitter.ir.getPtrTy(), addresses));
}

// i1: every active lane's address is lane 0's plus lane * size. An inactive lane 0 may hold anything; then a
// gather is the answer.
Value* neighbours(Emitter& emitter, Value* addresses, unsigned size) {
  auto& ir = emitter.ir;
  Value* first = ir.CreateExtractElement(addresses, uint64_t{0});
  Value* lane = ir.CreateZExt(emitter.lane_numbers(), addresses->getType());
  Value* expected = ir.CreateAdd(emitter.splat(first), ir.CreateMul(lane, emitter.like(addresses, size)));
  Value* wrong = ir.CreateAnd(ir.CreateICmpNE(addresses, expected), emitter.active_lanes());
  return ir.CreateICmpEQ(ir.CreateBitCast(wrong, ir.getInt32Ty()), ir.getInt32(0));
}

void either(Emitter& emitter, Value* condition, const std::function<void()>& yes, const std::function<void()>& no) {
  auto& ir = emitter.ir;
  auto* parent = ir.GetInsertBlock()->getParent();
  auto* then = llvm::BasicBlock::Create(ir.getContext(), "neighbours", parent);
  auto* otherwise = llvm::BasicBlock::Create(ir.getContext(), "scattered", parent);
  auto* after = llvm::BasicBlock::Create(ir.getContext(), "after", parent);
  ir.CreateCondBr(condition, then, otherwise);
  ir.SetInsertPoint(then);
  yes();
  ir.CreateBr(after);
  ir.SetInsertPoint(otherwise);
  no();
  ir.CreateBr(after);
  ir.SetInsertPoint(after);
}

// PTX ISA, "Addresses as Operands": an access is aligned to its size, or fails.
void require_aligned(Emitter& emitter, const ptx::Instruction& instruction, const ptx::Operand& operand,
                     Value* addresses) {
  unsigned bytes = access_bytes(instruction.modifiers.type) * instruction.modifiers.vector;
  if (bytes == 1 || operand.base_kind == ptx::Operand::symbol) return;
  emitter.require_aligned(addresses, bytes);
}

Value* load(Emitter& emitter, Value* addresses, ptx::Type type, bool is_volatile) {
  auto& ir = emitter.ir;
  unsigned bytes = access_bytes(type);
  auto* element = ir.getIntNTy(bytes * 8);
  if (!Emitter::varying(addresses))
    return ir.CreateAlignedLoad(element, pointers(emitter, addresses), Align(1), is_volatile);
  auto* vector = FixedVectorType::get(element, lanes);
  auto* result = emitter.scratch(vector);
  Value* nothing = llvm::Constant::getNullValue(vector);
  either(
      emitter, neighbours(emitter, addresses, bytes),
      [&] {
        Value* first = ir.CreateIntToPtr(ir.CreateExtractElement(addresses, uint64_t{0}), ir.getPtrTy());
        ir.CreateStore(ir.CreateMaskedLoad(vector, first, Align(1), emitter.active_lanes(), nothing), result);
      },
      [&] {
        ir.CreateStore(
            ir.CreateMaskedGather(vector, pointers(emitter, addresses), Align(1), emitter.active_lanes(), nothing),
            result);
      });
  return ir.CreateLoad(vector, result);
}

void store(Emitter& emitter, Value* addresses, Value* value, bool is_volatile) {
  auto& ir = emitter.ir;
  unsigned bytes = value->getType()->getScalarSizeInBits() / 8;
  if (!Emitter::varying(addresses)) {  // one of the lanes wins (CUDA C++ Programming Guide, "SIMT architecture")
    Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {emitter.active(), ir.getTrue()});
    ir.CreateAlignedStore(emitter.element(value, lane), pointers(emitter, addresses), Align(1), is_volatile);
    return;
  }
  value = emitter.splat(value);
  either(
      emitter, neighbours(emitter, addresses, bytes),
      [&] {
        Value* first = ir.CreateIntToPtr(ir.CreateExtractElement(addresses, uint64_t{0}), ir.getPtrTy());
        ir.CreateMaskedStore(value, first, Align(1), emitter.active_lanes());
      },
      [&] { ir.CreateMaskedScatter(value, pointers(emitter, addresses), Align(1), emitter.active_lanes()); });
}

bool strong(const ptx::Modifiers& modifiers) {
  return modifiers.is_volatile || modifiers.has("acquire") || modifiers.has("relaxed") || modifiers.has("release");
}

Value* offset_by(Emitter& emitter, Value* addresses, uint64_t bytes) {
  return bytes ? emitter.ir.CreateAdd(addresses, emitter.like(addresses, bytes)) : addresses;
}

void emit_load(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  bool is_strong = strong(modifiers);
  if (is_strong) emitter.hook("outboard_yield", emitter.ir.getVoidTy(), {emitter.warp()});
  Value* addresses = emitter.address_of(instruction.operands[1], modifiers.space);
  require_aligned(emitter, instruction, instruction.operands[1], addresses);
  const auto& destination = instruction.operands[0];
  std::vector<Value*> values;
  for (unsigned i = 0; i < modifiers.vector; ++i)
    values.push_back(
        load(emitter, offset_by(emitter, addresses, i * access_bytes(modifiers.type)), modifiers.type, is_strong));
  if (modifiers.has("acquire")) emitter.ir.CreateFence(llvm::AtomicOrdering::Acquire);
  for (unsigned i = 0; i < modifiers.vector; ++i)
    emitter.write(modifiers.vector == 1 ? destination : destination.elements.at(i), values[i], modifiers.type);
}

void emit_store(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  if (modifiers.has("release")) emitter.ir.CreateFence(llvm::AtomicOrdering::Release);
  Value* addresses = emitter.address_of(instruction.operands[0], modifiers.space);
  require_aligned(emitter, instruction, instruction.operands[0], addresses);
  const auto& value = instruction.operands[1];
  for (unsigned i = 0; i < modifiers.vector; ++i)
    store(emitter, offset_by(emitter, addresses, i * access_bytes(modifiers.type)),
          emitter.read(modifiers.vector == 1 ? value : value.elements.at(i), modifiers.type), strong(modifiers));
}

// Only shared memory has addresses of its own (offsets); all other spaces use generic ones.
void emit_cvta(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  Value* address = emitter.read(instruction.operands[1], modifiers.type);
  if (modifiers.space == Space::shared) {
    Value* base = ir.CreatePtrToInt(emitter.warp_field(offsetof(Warp, shared), ir.getPtrTy()),
                                    address->getType()->getScalarType());
    emitter.unify(address, base);
    address = modifiers.to ? ir.CreateSub(address, base) : ir.CreateAdd(address, base);
  }
  emitter.write(instruction.operands[0], address, modifiers.type);
}

}  // namespace

bool emit_access(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::ld:
    case Opcode::ldu: emit_load(emitter, instruction); return true;
    case Opcode::st: emit_store(emitter, instruction); return true;
    case Opcode::cvta: emit_cvta(emitter, instruction); return true;
    case Opcode::prefetch:
    case Opcode::prefetchu:
    case Opcode::discard:
    case Opcode::applypriority: return true;  // hints
    default: return false;
  }
}

}  // namespace software
