// Clusters of blocks: the shared memory of others, special registers, and work taken over from blocks that have not
// begun. A shared address counts from the executing block's memory; that of another block lies so many pitches away.
#include <cstddef>

#include "device/software/codegen/copies.h"
#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::Value;
using ptx::Opcode;
using ptx::Operand;
using ptx::Space;
using ptx::Special;
using ptx::Type;

// PTX ISA, "%clusterid", "%nclusterid", "%cluster_ctaid" and so on.
Emitter::Value* Emitter::cluster_register(Special special) {
  auto axis = [&](Special first) { return static_cast<unsigned>(special) - static_cast<unsigned>(first); };
  auto within = [&](Special first) { return special >= first && axis(first) < 3; };
  auto size = [&](unsigned i) { return launch_field(offsetof(Launch, cluster) + 4 * i, ir.getInt32Ty()); };
  auto block = [&](unsigned i) { return warp_field(offsetof(Warp, block_index) + 4 * i, ir.getInt32Ty()); };
  auto grid = [&](unsigned i) { return launch_field(offsetof(Launch, grid) + 4 * i, ir.getInt32Ty()); };
  if (within(Special::clusterid_x)) {
    unsigned i = axis(Special::clusterid_x);
    return ir.CreateUDiv(block(i), size(i));
  }
  if (within(Special::nclusterid_x)) {
    unsigned i = axis(Special::nclusterid_x);
    return ir.CreateUDiv(grid(i), size(i));
  }
  if (within(Special::cluster_ctaid_x)) {
    unsigned i = axis(Special::cluster_ctaid_x);
    return ir.CreateURem(block(i), size(i));
  }
  if (within(Special::cluster_nctaid_x)) return size(axis(Special::cluster_nctaid_x));
  if (special == Special::cluster_ctarank) return warp_field(offsetof(Warp, cluster_rank), ir.getInt32Ty());
  return launch_field(offsetof(Launch, cluster_blocks), ir.getInt32Ty());
}

namespace {

// Addresses are turned into distances from the first block's shared memory and back.
struct Window {
  Emitter& emitter;
  bool offsets;  // addresses count from the executing block's memory, else they are generic
  llvm::IRBuilder<>& ir = emitter.ir;

  Value* start() const {
    auto at = [&](unsigned offset) {
      return ir.CreatePtrToInt(emitter.warp_field(offset, ir.getPtrTy()), ir.getInt64Ty());
    };
    Value* first = at(offsetof(Warp, cluster_shared));
    return offsets ? ir.CreateSub(first, at(offsetof(Warp, shared))) : first;
  }
  Value* pitch() const { return emitter.launch_field(offsetof(Launch, shared_pitch), ir.getInt64Ty()); }
  Value* wide(Value* value, bool is_signed) const {
    auto* type = emitter.shaped(ir.getInt64Ty(), value);
    return is_signed ? ir.CreateSExtOrTrunc(value, type) : ir.CreateZExtOrTrunc(value, type);
  }
  Value* distance(Value* address) const {
    Value *from = start(), *to = wide(address, offsets);
    emitter.unify(from, to);
    return ir.CreateSub(to, from);
  }
};

Type address_type(const ptx::Instruction& instruction) {
  return ptx::bits(instruction.modifiers.type) == 64 ? Type::u64 : Type::u32;
}

// Shared addresses have 32 bits, whatever register holds them.
Value* read_address(Emitter& emitter, const ptx::Instruction& instruction, const Operand& operand) {
  bool offsets = instruction.modifiers.space == Space::shared;
  return emitter.read(operand, offsets ? Type::u32 : address_type(instruction));
}

// mapa d, a, rank: a's place in the memory of the block of that rank.
void emit_mapa(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Window window{emitter, instruction.modifiers.space == Space::shared};
  Value* distance = window.distance(read_address(emitter, instruction, instruction.operands.at(1)));
  Value* rank = window.wide(emitter.read(instruction.operands.at(2), Type::u32), false);
  Value *pitch = window.pitch(), *start = window.start();
  if (Emitter::varying(distance) || Emitter::varying(rank)) {
    distance = emitter.splat(distance), rank = emitter.splat(rank);
    pitch = emitter.splat(pitch), start = emitter.splat(start);
  }
  Value* within = ir.CreateAnd(distance, ir.CreateSub(pitch, emitter.like(pitch, 1)));
  Value* result = ir.CreateAdd(ir.CreateAdd(start, ir.CreateMul(rank, pitch)), within);
  emitter.write(instruction.operands[0], result, address_type(instruction));
}

// getctarank d, a: the rank of the block whose memory a lies in.
void emit_rank(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Window window{emitter, instruction.modifiers.space == Space::shared};
  Value *distance = window.distance(read_address(emitter, instruction, instruction.operands.at(1))),
        *pitch = window.pitch();
  emitter.unify(distance, pitch);
  Value* rank = ir.CreateUDiv(distance, pitch);
  emitter.write(instruction.operands[0], ir.CreateTrunc(rank, emitter.shaped(ir.getInt32Ty(), rank)), Type::u32);
}

// clusterlaunchcontrol.try_cancel [response], [mbarrier]: takes over the work of blocks that have not begun.
void emit_try_cancel(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* response = emitter.address_of(instruction.operands.at(0), Space::shared);
  Value* barrier = emitter.address_of(instruction.operands.at(1), Space::shared);
  barrier = emitter.checked(barrier, mbarrier_asked(Space::shared));
  emitter.require_aligned(response, 16);
  emitter.require_aligned(barrier, 8);
  bool all = instruction.modifiers.has("multicast::cluster::all");
  emitter.each_active_lane([&](Value* lane) {
    emitter.hook("outboard_try_cancel", ir.getVoidTy(),
                 {emitter.warp(), emitter.element(response, lane), emitter.element(barrier, lane), ir.getInt32(all)});
  });
}

// clusterlaunchcontrol.query_cancel: the response holds the block's three indices and, above, whether there is one.
void emit_query_cancel(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  Value* response = emitter.read(instruction.operands.at(1), Type::b128);
  auto part = [&](unsigned i) {
    Value* moved = ir.CreateLShr(response, emitter.like(response, 32 * i));
    return ir.CreateTrunc(moved, emitter.shaped(ir.getInt32Ty(), response));
  };
  if (modifiers.has("is_canceled"))
    return emitter.write(instruction.operands[0], ir.CreateICmpNE(part(3), emitter.like(part(3), 0)));
  constexpr const char* axes[] = {"get_first_ctaid::x", "get_first_ctaid::y", "get_first_ctaid::z"};
  for (unsigned i = 0; i < 3; ++i)
    if (modifiers.has(axes[i])) return emitter.write(instruction.operands[0], part(i), Type::b32);
  const auto& elements = instruction.operands[0].elements;
  if (!modifiers.has("get_first_ctaid") || elements.size() != 4) emitter.unsupported(instruction);
  for (unsigned i = 0; i < 3; ++i) emitter.write(elements[i], part(i), Type::b32);
}

}  // namespace

bool emit_cluster(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::mapa: emit_mapa(emitter, instruction); return true;
    case Opcode::getctarank: emit_rank(emitter, instruction); return true;
    case Opcode::clusterlaunchcontrol:
      if (instruction.modifiers.has("try_cancel"))
        emit_try_cancel(emitter, instruction);
      else
        emit_query_cancel(emitter, instruction);
      return true;
    default: return false;
  }
}

}  // namespace software
