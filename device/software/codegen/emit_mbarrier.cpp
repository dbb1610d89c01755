// mbarrier objects (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier"). What they hold is
// the run time's (run/mbarrier.h).
#include "device/software/codegen/copies.h"
#include "device/software/codegen/emitter.h"
#include "device/software/run/mbarrier.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Opcode;
using ptx::Operand;
using ptx::Type;

Value* address(Emitter& emitter, const ptx::Instruction& instruction, size_t operand) {
  Value* made = emitter.address_of(instruction.operands.at(operand), instruction.modifiers.space);
  Emitter::Asked asked = mbarrier_asked(instruction.modifiers.space);
  if (instruction.modifiers.has("init")) asked.how &= ~uint32_t{outboard_reads};
  made = emitter.checked(made, asked);
  emitter.require_aligned(made, 8);
  return made;
}

Value* word(Emitter& emitter, const ptx::Instruction& instruction, size_t operand, uint32_t otherwise) {
  if (operand >= instruction.operands.size()) return emitter.ir.getInt32(otherwise);
  return emitter.read(instruction.operands[operand], Type::u32);
}

// One call of a function of (warp, object, count) for each lane.
void for_each_lane(Emitter& emitter, const char* name, Value* object, Value* count) {
  emitter.each_active_lane([&](Value* lane) {
    emitter.hook(name, emitter.ir.getVoidTy(),
                 {emitter.warp(), emitter.element(object, lane), emitter.element(count, lane)});
  });
}

// mbarrier.arrive{_drop}{.expect_tx}{.noComplete} {state,} [a] {, count or bytes}
void emit_arrive(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  size_t at = instruction.destinations;
  Value* object = address(emitter, instruction, at);
  Value *given = word(emitter, instruction, at + 1, 1), *count = given;
  bool expects = modifiers.has("expect_tx");
  if (expects) count = ir.getInt32(1);
  uint32_t flags = modifiers.has("arrive_drop") ? uint32_t{outboard_drop} : 0;
  if (modifiers.has("noComplete")) flags |= outboard_no_complete;
  auto* states = emitter.scratch(FixedVectorType::get(ir.getInt64Ty(), lanes));
  emitter.each_active_lane([&](Value* lane) {
    Value* here = emitter.element(object, lane);
    if (expects)
      emitter.hook("outboard_mbarrier_expect", ir.getVoidTy(), {emitter.warp(), here, emitter.element(given, lane)});
    Value* state = emitter.hook("outboard_mbarrier_arrive", ir.getInt64Ty(),
                                {emitter.warp(), here, emitter.element(count, lane), ir.getInt32(flags)});
    ir.CreateStore(state, ir.CreateGEP(ir.getInt64Ty(), states, lane));
  });
  if (at) emitter.write(instruction.operands[0], ir.CreateLoad(states->getAllocatedType(), states), Type::b64);
}

// The parity of the phase under way, for each lane's object.
Value* parities(Emitter& emitter, Value* object) {
  auto& ir = emitter.ir;
  if (!Emitter::varying(object)) return emitter.hook("outboard_mbarrier_parity", ir.getInt32Ty(), {object});
  auto* found = emitter.scratch(FixedVectorType::get(ir.getInt32Ty(), lanes));
  emitter.each_active_lane([&](Value* lane) {
    Value* parity = emitter.hook("outboard_mbarrier_parity", ir.getInt32Ty(), {emitter.element(object, lane)});
    ir.CreateStore(parity, ir.CreateGEP(ir.getInt32Ty(), found, lane));
  });
  return ir.CreateLoad(found->getAllocatedType(), found);
}

// test_wait and try_wait {.parity} p, [a], state or parity: a phase is complete when the other one is under way.
// Whoever finds that it is not lets other warps run.
void emit_wait(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* object = address(emitter, instruction, 1);
  const Operand& phase = instruction.operands.at(2);
  Value* asked;
  if (instruction.modifiers.has("parity")) {
    asked = emitter.read(phase, Type::b32);
    asked = ir.CreateAnd(asked, emitter.like(asked, 1));
  } else {
    asked = emitter.read(phase, Type::b64);
    asked = ir.CreateLShr(asked, emitter.like(asked, mbarrier_parity_bit));
    asked = ir.CreateTrunc(asked, emitter.shaped(ir.getInt32Ty(), asked));
  }
  Value* now = parities(emitter, object);
  emitter.unify(now, asked);
  Value* complete = ir.CreateICmpNE(now, asked);
  Value* waiting = ir.CreateNot(complete);
  if (Emitter::varying(waiting))
    waiting =
        ir.CreateICmpNE(ir.CreateAnd(ir.CreateBitCast(waiting, ir.getInt32Ty()), emitter.active()), ir.getInt32(0));
  emitter.when(waiting, [&] { emitter.hook("outboard_pause", ir.getVoidTy(), {emitter.warp()}); });
  emitter.write(instruction.operands[0], complete);
}

}  // namespace

bool emit_mbarrier(Emitter& emitter, const ptx::Instruction& instruction) {
  if (instruction.opcode != Opcode::mbarrier) return false;
  const auto& modifiers = instruction.modifiers;
  auto& ir = emitter.ir;
  if (modifiers.has("init")) {
    for_each_lane(emitter, "outboard_mbarrier_init", address(emitter, instruction, 0),
                  word(emitter, instruction, 1, 0));
  } else if (modifiers.has("arrive") || modifiers.has("arrive_drop")) {
    emit_arrive(emitter, instruction);
  } else if (modifiers.has("test_wait") || modifiers.has("try_wait")) {
    emit_wait(emitter, instruction);
  } else if (modifiers.has("expect_tx")) {
    for_each_lane(emitter, "outboard_mbarrier_expect", address(emitter, instruction, 0),
                  word(emitter, instruction, 1, 0));
  } else if (modifiers.has("complete_tx")) {
    for_each_lane(emitter, "outboard_mbarrier_complete", address(emitter, instruction, 0),
                  word(emitter, instruction, 1, 0));
  } else if (modifiers.has("pending_count")) {
    Value* state = emitter.read(instruction.operands.at(1), Type::b64);
    state = ir.CreateAnd(state, emitter.like(state, Mbarrier::most));
    emitter.write(instruction.operands[0], ir.CreateTrunc(state, emitter.shaped(ir.getInt32Ty(), state)), Type::u32);
  } else if (!modifiers.has("inval")) {
    emitter.unsupported(instruction);
  }
  return true;
}

}  // namespace software
