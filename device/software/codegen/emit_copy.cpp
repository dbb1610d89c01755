// Asynchronous copies (PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy"). All of them copy at
// once, so that waiting for them is waiting for nothing.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/copies.h"
#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::Align;
using llvm::Value;
using ptx::Opcode;
using ptx::Operand;
using ptx::Space;

// How many bytes a lane reads: src-size, or none where ignore-src holds. nullptr: all of them.
Value* bytes_to_read(Emitter& emitter, const ptx::Instruction& instruction, unsigned bytes) {
  auto& ir = emitter.ir;
  size_t operands = instruction.operands.size() - (instruction.modifiers.has("L2::cache_hint") ? 1 : 0);
  if (operands < 4) return nullptr;
  const Operand& limit = instruction.operands[3];
  bool predicate = limit.kind == Operand::reg && emitter.function.registers[limit.index].type == ptx::Type::pred;
  if (!predicate) {
    Value* given = emitter.read(limit, ptx::Type::u32);
    return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, given, emitter.like(given, bytes));
  }
  Value* ignored = emitter.read_predicate(limit);
  auto* words = emitter.shaped(ir.getInt32Ty(), ignored);
  return ir.CreateSelect(ignored, llvm::ConstantInt::get(words, 0), llvm::ConstantInt::get(words, bytes));
}

// cp.async: what lies behind src-size becomes zero.
void emit_lane_copy(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  if (instruction.operands.size() < 3) emitter.unsupported(instruction);
  auto bytes = static_cast<unsigned>(instruction.operands[2].value);
  if (bytes != 4 && bytes != 8 && bytes != 16) emitter.unsupported(instruction, "a size that is not 4, 8 or 16");
  Value* to = emitter.address_of(instruction.operands[0], Space::shared);
  Value* from = emitter.address_of(instruction.operands[1], Space::global);
  Value* count = bytes_to_read(emitter, instruction, bytes);
  to = emitter.checked(to, {bytes, Space::shared, outboard_writes});
  if (!count) from = emitter.checked(from, {bytes, Space::global, outboard_reads});
  emitter.require_aligned(to, bytes);
  emitter.require_aligned(from, bytes);
  if (!count) return copy_pieces(emitter, to, from, bytes);
  emitter.each_active_lane([&](Value* lane) {
    auto pointer = [&](Value* addresses) { return ir.CreateIntToPtr(emitter.element(addresses, lane), ir.getPtrTy()); };
    auto* piece = emitter.scratch(ir.getIntNTy(bytes * 8));
    auto* type = piece->getAllocatedType();
    ir.CreateStore(llvm::Constant::getNullValue(type), piece);
    Value *target = pointer(to), *some = emitter.element(count, lane);
    Value* readable = emitter.checked_range(lane, emitter.element(from, lane), some, Space::global, outboard_reads);
    Value* source = ir.CreateIntToPtr(readable, ir.getPtrTy());
    Value* whole = ir.CreateICmpEQ(some, ir.getInt32(bytes));
    emitter.when(whole, [&] { ir.CreateStore(ir.CreateAlignedLoad(type, source, Align(1)), piece); });
    emitter.when(ir.CreateNot(whole), [&] { ir.CreateMemCpy(piece, Align(1), source, Align(1), some); });
    ir.CreateAlignedStore(ir.CreateLoad(type, piece), target, Align(1));
  });
}

// cp.async.mbarrier.arrive: the copies are complete, so that the thread arrives now. Without .noinc the arrival was
// added to the pending count before, which leaves nothing to do.
void emit_arrival(Emitter& emitter, const ptx::Instruction& instruction) {
  if (!instruction.modifiers.has("noinc")) return;
  auto& ir = emitter.ir;
  Value* barrier = emitter.address_of(instruction.operands[0], instruction.modifiers.space);
  barrier = emitter.checked(barrier, mbarrier_asked(instruction.modifiers.space));
  emitter.require_aligned(barrier, 8);
  emitter.each_active_lane([&](Value* lane) {
    emitter.hook("outboard_mbarrier_arrive", ir.getInt64Ty(),
                 {emitter.warp(), emitter.element(barrier, lane), ir.getInt32(1), ir.getInt32(0)});
  });
}

void emit_cp(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  if (modifiers.has("commit_group") || modifiers.has("wait_group") || modifiers.has("wait_all")) return;
  if (modifiers.has("prefetch")) return;  // a hint
  if (modifiers.has("tensor")) return emit_tensor_copy(emitter, instruction);
  if (modifiers.has("bulk")) return emit_bulk_copy(emitter, instruction);
  if (modifiers.words.size() > 1 && modifiers.words[1] == "mbarrier") return emit_arrival(emitter, instruction);
  emit_lane_copy(emitter, instruction);
}

// st.bulk [a], size, 0: zeros.
void emit_fill(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* to = emitter.address_of(instruction.operands[0], instruction.modifiers.space);
  Value* size = emitter.read(instruction.operands.at(1), ptx::Type::u64);
  emitter.require_aligned(to, 8);
  emitter.each_active_lane([&](Value* lane) {
    Value* bytes = emitter.element(size, lane);
    Value* place =
        emitter.checked_range(lane, emitter.element(to, lane), bytes, instruction.modifiers.space, outboard_writes);
    bytes = ir.CreateSelect(ir.CreateICmpEQ(place, ir.getInt64(0)), ir.getInt64(0), bytes);
    ir.CreateMemSet(ir.CreateIntToPtr(place, ir.getPtrTy()), ir.getInt8(0), bytes, llvm::MaybeAlign(1));
  });
}

}  // namespace

bool emit_copy(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  switch (instruction.opcode) {
    case Opcode::cp: emit_cp(emitter, instruction); return true;
    case Opcode::st:
      if (modifiers.has("bulk")) return emit_fill(emitter, instruction), true;
      if (!modifiers.has("async")) return false;
      emit_store_async(emitter, instruction);
      return true;
    case Opcode::red:
      if (!modifiers.has("async")) return false;
      emit_reduce_async(emitter, instruction);
      return true;
    case Opcode::tensormap: emit_tensormap(emitter, instruction); return true;
    default: return false;
  }
}

}  // namespace software
