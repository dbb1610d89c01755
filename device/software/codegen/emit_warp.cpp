// Instructions by which the lanes of a warp and the warps of a block meet: shuffles, votes, matches, barriers.
#include <llvm/IR/Intrinsics.h>

#include <optional>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Opcode;
using ptx::Type;

// The lanes' own element of a variable in memory.
Value* place_of(Emitter& emitter, llvm::AllocaInst* variable, Value* lane) {
  return emitter.ir.CreateGEP(variable->getAllocatedType()->getScalarType(), variable, lane);
}

// What the operand always is, where that can be seen: nvcc moves numbers into registers first.
std::optional<uint32_t> number_of(const Emitter& emitter, const ptx::Operand& operand) {
  if (operand.kind == ptx::Operand::integer) return static_cast<uint32_t>(operand.value);
  if (operand.kind != ptx::Operand::reg) return std::nullopt;
  const ptx::Instruction* made = nullptr;
  unsigned definitions = 0;
  for (const ptx::Instruction& instruction : emitter.function.body)
    each_definition(instruction, [&](uint32_t reg) {
      if (reg == operand.index) made = &instruction, ++definitions;
    });
  bool moved = definitions == 1 && made->opcode == Opcode::mov && made->guard.reg < 0 && made->operands.size() == 2 &&
               made->operands[1].kind == ptx::Operand::integer;
  return moved ? std::optional(static_cast<uint32_t>(made->operands[1].value)) : std::nullopt;
}

// Every lane's element of `value` is that of the lane in `from`. Where those are constants, LLVM finds a way to shuffle
// vectors; otherwise they go through memory.
Value* taken_from(Emitter& emitter, Value* value, Value* from) {
  auto& ir = emitter.ir;
  if (auto* lanes_known = llvm::dyn_cast<llvm::Constant>(from)) {
    std::vector<int> order;
    for (unsigned lane = 0; lane < emitter.lanes; ++lane)
      order.push_back(
          static_cast<int>(llvm::cast<llvm::ConstantInt>(lanes_known->getAggregateElement(lane))->getZExtValue()));
    return ir.CreateShuffleVector(value, order);
  }
  auto* type = value->getType();
  auto *values = emitter.scratch(type), *sources = emitter.scratch(type), *results = emitter.scratch(type);
  ir.CreateStore(value, values);
  ir.CreateStore(from, sources);
  ir.CreateStore(value, results);  // a lane that does not run reads nothing
  emitter.each_active_lane([&](Value* lane) {
    Value* source = ir.CreateLoad(ir.getInt32Ty(), place_of(emitter, sources, lane));
    Value* taken = ir.CreateLoad(ir.getInt32Ty(), place_of(emitter, values, source));
    ir.CreateStore(taken, place_of(emitter, results, lane));
  });
  return ir.CreateLoad(type, results);
}

// PTX ISA, "shfl.sync": c holds the clamp in bits 0..4 and the segment mask in bits 8..12.
void emit_shfl(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  size_t at = instruction.destinations;
  Value* value = emitter.splat(emitter.read(instruction.operands[at], Type::b32));
  auto word = [&](size_t i) {
    const ptx::Operand& operand = instruction.operands.at(at + i);
    if (auto number = number_of(emitter, operand)) return emitter.splat(ir.getInt32(*number));
    return emitter.splat(emitter.read(operand, Type::b32));
  };
  Value *b = ir.CreateAnd(word(1), emitter.like(value, 31)), *c = word(2), *lane = emitter.lane_numbers();
  Value* clamp = ir.CreateAnd(c, emitter.like(c, 31));
  Value* segment = ir.CreateAnd(ir.CreateLShr(c, emitter.like(c, 8)), emitter.like(c, 31));
  Value* first = ir.CreateAnd(lane, segment);
  Value* last = ir.CreateOr(first, ir.CreateAnd(clamp, ir.CreateNot(segment)));
  const std::string& mode = instruction.modifiers.operation;
  Value *from, *inside;
  if (mode == "up") {
    from = ir.CreateSub(lane, b);
    inside = ir.CreateICmpSGE(from, last);
  } else if (mode == "down") {
    from = ir.CreateAdd(lane, b);
    inside = ir.CreateICmpSLE(from, last);
  } else if (mode == "bfly") {
    from = ir.CreateXor(lane, b);
    inside = ir.CreateICmpSLE(from, last);
  } else if (mode == "idx") {
    from = ir.CreateOr(first, ir.CreateAnd(b, ir.CreateNot(segment)));
    inside = ir.CreateICmpSLE(from, last);
  } else {
    emitter.unsupported(instruction);
  }
  from = ir.CreateAnd(ir.CreateSelect(inside, from, lane), emitter.like(lane, 31));
  Value* all = taken_from(emitter, value, from);
  if (instruction.destinations > 1) emitter.write(instruction.operands[1], inside);
  emitter.write(instruction.operands[0], all, Type::b32);
}

Value* mask_of(Emitter& emitter, Value* predicate) {
  return emitter.ir.CreateAnd(emitter.mask_of(emitter.splat(predicate)), emitter.active());
}

// Lanes that take part: those of the member mask that run. One mask, or one per lane where lanes name different
// members (tiles of a warp).
Value* members(Emitter& emitter, const ptx::Instruction& instruction, size_t operand) {
  if (!instruction.modifiers.sync || instruction.operands.size() <= operand) return emitter.active();
  Value *mask = emitter.read(instruction.operands[operand], Type::b32), *active = emitter.active();
  emitter.unify(mask, active);
  return emitter.ir.CreateAnd(mask, active);
}

void emit_vote(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* lanes_in = members(emitter, instruction, 2);
  Value* yes = mask_of(emitter, emitter.read_predicate(instruction.operands[1]));
  emitter.unify(yes, lanes_in);
  yes = ir.CreateAnd(yes, lanes_in);
  const std::string& mode = instruction.modifiers.operation;
  if (mode == "ballot") return emitter.write(instruction.operands[0], yes, Type::b32);
  Value* none = ir.CreateICmpEQ(yes, emitter.like(yes, 0));
  Value* all = ir.CreateICmpEQ(yes, lanes_in);
  Value* result = mode == "any"   ? ir.CreateNot(none)
                  : mode == "all" ? all
                  : mode == "uni" ? ir.CreateOr(none, all)
                                  : nullptr;
  if (!result) emitter.unsupported(instruction);
  emitter.write(instruction.operands[0], result);
}

void emit_match(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  size_t at = instruction.destinations;
  Value* value = emitter.splat(emitter.read(instruction.operands[at], instruction.modifiers.type));
  Value* lanes_in = emitter.splat(members(emitter, instruction, at + 1));
  auto* masks = emitter.scratch(FixedVectorType::get(ir.getInt32Ty(), emitter.lanes));
  auto* type = masks->getAllocatedType();
  auto* values = emitter.scratch(value->getType());
  ir.CreateStore(llvm::Constant::getNullValue(type), masks);
  ir.CreateStore(value, values);
  emitter.each_active_lane([&](Value* lane) {
    Value* own = ir.CreateLoad(value->getType()->getScalarType(), place_of(emitter, values, lane));
    Value* same = ir.CreateICmpEQ(value, emitter.splat(own));
    ir.CreateStore(mask_of(emitter, same), place_of(emitter, masks, lane));
  });
  Value* same = ir.CreateAnd(ir.CreateLoad(type, masks), lanes_in);
  if (instruction.modifiers.operation == "any") return emitter.write(instruction.operands[0], same, Type::b32);
  Value* agreed = ir.CreateICmpEQ(same, lanes_in);
  emitter.write(instruction.operands[0], ir.CreateSelect(agreed, same, emitter.like(same, 0)), Type::b32);
  if (instruction.destinations > 1) emitter.write(instruction.operands[1], agreed);
}

// elect.sync d|p, membermask: the lowest member leads.
void emit_elect(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* lanes_in = members(emitter, instruction, instruction.operands.size() - 1);
  Value* leader = ir.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, lanes_in, ir.getTrue());
  emitter.write(instruction.operands[0], leader, Type::b32);
  if (instruction.destinations < 2) return;
  emitter.write(instruction.operands[1], ir.CreateICmpEQ(emitter.splat(leader), emitter.lane_numbers()));
}

Value* reduced(Emitter& emitter, const ptx::Instruction& instruction, Value* value, Value* mask) {
  auto& ir = emitter.ir;
  const std::string& name = instruction.modifiers.operation;
  bool sign = ptx::is_signed(instruction.modifiers.type) || ptx::is_float(instruction.modifiers.type);
  uint64_t neutral = name == "and" || (name == "min" && !sign) ? ~uint64_t{0}
                     : name == "min"                           ? 0x7fffffff
                     : name == "max" && sign                   ? 0x80000000
                                                               : 0;
  Value* chosen = emitter.lanes_of(mask);
  Value* kept = ir.CreateSelect(chosen, value, emitter.like(value, neutral));
  if (name == "add") return ir.CreateAddReduce(kept);
  if (name == "and") return ir.CreateAndReduce(kept);
  if (name == "or") return ir.CreateOrReduce(kept);
  if (name == "xor") return ir.CreateXorReduce(kept);
  if (name == "min") return ir.CreateIntMinReduce(kept, sign);
  if (name == "max") return ir.CreateIntMaxReduce(kept, sign);
  emitter.unsupported(instruction);
}

// min and max of floats as integers in the same order; NaN is left out, or (.NaN) is the result.
Value* reduced_floats(Emitter& emitter, const ptx::Instruction& instruction, Value* value, Value* mask) {
  auto& ir = emitter.ir;
  if (instruction.modifiers.abs) value = ir.CreateAnd(value, emitter.like(value, 0x7fffffff));
  Value* real = emitter.as_float(value, Type::f32);
  Value* numbers = ir.CreateAnd(ir.CreateBitCast(ir.CreateFCmpORD(real, real), ir.getInt32Ty()), mask);
  auto ordered = [&](Value* bits) {
    Value* sign = ir.CreateAShr(bits, emitter.like(bits, 31));
    return ir.CreateXor(bits, ir.CreateAnd(sign, emitter.like(bits, 0x7fffffff)));
  };
  Value* result = ordered(reduced(emitter, instruction, ordered(value), numbers));
  Value* none = instruction.modifiers.nan ? ir.CreateICmpNE(numbers, mask) : ir.CreateICmpEQ(numbers, ir.getInt32(0));
  return ir.CreateSelect(none, ir.getInt32(0x7fffffff), result);
}

void emit_redux(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Type type = instruction.modifiers.type;
  Value* value = emitter.splat(emitter.read(instruction.operands[1], type));
  Value* lanes_in = members(emitter, instruction, 2);
  auto reduce = type == Type::f32 ? reduced_floats : reduced;
  if (!Emitter::varying(lanes_in))
    return emitter.write(instruction.operands[0], reduce(emitter, instruction, value, lanes_in), type);
  auto* results = emitter.scratch(value->getType());
  emitter.each_active_lane([&](Value* lane) {
    Value* result = reduce(emitter, instruction, value, ir.CreateExtractElement(lanes_in, lane));
    ir.CreateStore(ir.CreateInsertElement(ir.CreateLoad(value->getType(), results), result, lane), results);
  });
  emitter.write(instruction.operands[0], ir.CreateLoad(value->getType(), results), type);
}

void emit_cluster_barrier(Emitter& emitter, const ptx::Instruction& instruction) {
  if (instruction.modifiers.has("arrive"))
    emitter.hook("outboard_cluster_arrive", emitter.ir.getVoidTy(), {emitter.warp(), emitter.active()});
  else
    emitter.hook("outboard_cluster_wait", emitter.ir.getVoidTy(), {emitter.warp()});
}

void emit_barrier(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  if (modifiers.has("warp")) {  // lanes of a warp are never apart here
    if (emitter.is_checked())
      emitter.hook("outboard_check_meeting", ir.getVoidTy(), {emitter.warp(), emitter.active()});
    return;
  }
  if (modifiers.has("cluster")) return emit_cluster_barrier(emitter, instruction);
  if (emitter.in_stages()) return emitter.end_stage(instruction);
  auto scalar = [&](size_t i) {
    if (i >= instruction.operands.size()) return static_cast<Value*>(ir.getInt32(0));
    Value* value = emitter.read(instruction.operands[i], Type::b32);
    return Emitter::varying(value)
               ? ir.CreateExtractElement(value, ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()},
                                                                   {emitter.active(), ir.getTrue()}))
               : value;
  };
  if (modifiers.has("arrive"))
    return void(emitter.hook("outboard_barrier_arrive", ir.getVoidTy(), {emitter.warp(), scalar(0), scalar(1)}));
  if (!modifiers.has("red"))
    return void(emitter.hook("outboard_barrier", ir.getVoidTy(), {emitter.warp(), scalar(0), scalar(1)}));
  bool counts = modifiers.has("popc");
  uint32_t kind = counts ? 0 : modifiers.has("and") ? 1 : 2;
  size_t last = instruction.operands.size() - 1;
  Value* yes = mask_of(emitter, emitter.read_predicate(instruction.operands[last]));
  Value* result = emitter.hook(
      "outboard_barrier_reduce", ir.getInt32Ty(),
      {emitter.warp(), scalar(1), last > 2 ? scalar(2) : ir.getInt32(0), ir.getInt32(kind), emitter.active(), yes});
  if (counts) return emitter.write(instruction.operands[0], result, Type::u32);
  emitter.write(instruction.operands[0], ir.CreateICmpNE(result, ir.getInt32(0)));
}

}  // namespace

bool emit_warp(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  switch (instruction.opcode) {
    case Opcode::shfl: emit_shfl(emitter, instruction); return true;
    case Opcode::vote: emit_vote(emitter, instruction); return true;
    case Opcode::match: emit_match(emitter, instruction); return true;
    case Opcode::redux: emit_redux(emitter, instruction); return true;
    case Opcode::elect: emit_elect(emitter, instruction); return true;
    case Opcode::activemask: emitter.write(instruction.operands[0], emitter.active(), Type::b32); return true;
    case Opcode::bar:
    case Opcode::barrier: emit_barrier(emitter, instruction); return true;
    case Opcode::nanosleep: emitter.hook("outboard_yield", ir.getVoidTy(), {emitter.warp()}); return true;
    case Opcode::brkpt:  // nobody is there to go on from it
    case Opcode::trap: {
      Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {emitter.active(), ir.getTrue()});
      emitter.hook("outboard_trap", ir.getVoidTy(),
                   {emitter.warp(), lane, ir.CreateGlobalString(ptx::word(instruction.opcode))});
      return true;
    }
    case Opcode::setmaxnreg:
    case Opcode::griddepcontrol:
    case Opcode::pmevent: return true;  // nothing to wait for, to give back, to count
    default: return false;
  }
}

}  // namespace software
