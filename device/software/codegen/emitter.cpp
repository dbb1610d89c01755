// Registers, operands, masks and the walk over blocks. What single instructions compute is in emit_*.cpp.
#include "device/software/codegen/emitter.h"

#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/Intrinsics.h>

#include <cstddef>

#include "device/software/codegen/one_by_one.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::BasicBlock;
using llvm::FixedVectorType;
using llvm::Type;
using ptx::Opcode;
using ptx::Space;

namespace {

constexpr uint64_t nowhere = ~uint64_t{0};

unsigned register_bits(ptx::Type type) { return type == ptx::Type::pred ? 1 : ptx::bits(type); }

bool has_terminator(Opcode opcode) {
  return opcode == Opcode::bra || opcode == Opcode::brx || opcode == Opcode::ret || opcode == Opcode::exit;
}

bool is_parameter(const ptx::Function& function, uint32_t variable) {
  for (uint32_t index : function.parameter_variables)
    if (index == variable) return true;
  for (uint32_t index : function.result_variables)
    if (index == variable) return true;
  return false;
}

}  // namespace

uint32_t shared_end(const ptx::Function& function, uint32_t start) {
  for (const ptx::Variable& variable : function.variables) {
    if (variable.space != Space::shared) continue;
    uint32_t alignment = std::max(variable.alignment, 1u);
    start = (start + alignment - 1) / alignment * alignment + static_cast<uint32_t>(variable.size);
  }
  return start;
}

// Kernels: void(Warp*). Device functions: void(Warp*, i32 mask, i64 free local memory, i64 lane stride of the
// arguments, then one i64 per result and per parameter: lane 0's copy of that variable in the caller's frame).
llvm::Function* Emitter::declare(llvm::Module& target, const ptx::Function& function) {
  auto& context = target.getContext();
  std::vector<Type*> arguments{llvm::PointerType::get(context, 0)};
  if (!function.is_entry) {
    arguments.push_back(Type::getInt32Ty(context));
    size_t addresses = 2 + function.results.size() + function.parameters.size();
    arguments.insert(arguments.end(), addresses, Type::getInt64Ty(context));
  }
  auto* type = llvm::FunctionType::get(Type::getVoidTy(context), arguments, false);
  auto linkage = function.is_entry ? llvm::Function::ExternalLinkage : llvm::Function::InternalLinkage;
  auto* made = llvm::Function::Create(type, linkage, "ptx." + function.name, target);
  made->addFnAttr(llvm::Attribute::NoUnwind);
  made->addFnAttr("denormal-fp-math", "ieee,ieee");
  made->addParamAttr(0, llvm::Attribute::get(context, warp_attribute));
  return made;
}

Emitter::Emitter(llvm::Module& target, const ptx::Module& source, const ptx::Function& function,
                 const Placement& placement, Grouping grouping)
    : ir(target.getContext()),
      source(source),
      function(function),
      placement_(placement),
      grouping_(grouping),
      flow_(control_flow(function)),
      layout_(lay_out(flow_)),
      shape_(uniformity(function, flow_, grouping)),
      target_(target.getFunction("ptx." + function.name)) {}

void Emitter::emit() {
  auto& context = ir.getContext();
  ir.SetInsertPoint(BasicBlock::Create(context, "entry", target_));
  warp_ = target_->getArg(0);
  launch_ = warp_field(offsetof(Warp, launch), ir.getPtrTy());
  entry_mask_ = function.is_entry ? warp_field(offsetof(Warp, lanes), ir.getInt32Ty()) : target_->getArg(1);
  prepare_frame();
  prepare_registers();
  position_.assign(flow_.blocks.size(), 0);
  for (uint32_t i = 0; i <= layout_.order.size(); ++i) {
    if (i < layout_.order.size()) position_[layout_.order[i]] = i;
    check_.push_back(BasicBlock::Create(context, "check", target_));
    body_.push_back(i < layout_.order.size() ? BasicBlock::Create(context, "body", target_) : check_.back());
  }
  if (layout_.order.empty()) {
    ir.CreateBr(check_[0]);
  } else {
    ir.CreateStore(entry_mask_, masks_[layout_.order[0]]);
    ir.CreateBr(body_[0]);
  }
  for (uint32_t i = 0; i < layout_.order.size(); ++i) emit_block(i);
  ir.SetInsertPoint(check_.back());
  ir.CreateRetVoid();
}

void Emitter::prepare_frame() {
  frame_offset_.assign(function.variables.size(), nowhere);
  shared_offset_.assign(function.variables.size(), 0);
  uint32_t shared = placement_.function_shared[static_cast<size_t>(&function - source.functions.data())];
  for (uint32_t i = 0; i < function.variables.size(); ++i) {
    const ptx::Variable& variable = function.variables[i];
    uint64_t alignment = std::max<uint64_t>(variable.alignment, 1);
    if (variable.space == Space::shared) {
      shared = static_cast<uint32_t>((shared + alignment - 1) / alignment * alignment);
      shared_offset_[i] = shared;
      shared += static_cast<uint32_t>(variable.size);
    } else if (!is_parameter(function, i)) {
      frame_bytes_ = (frame_bytes_ + alignment - 1) / alignment * alignment;
      frame_offset_[i] = frame_bytes_;
      frame_bytes_ += variable.size;
    }
  }
  frame_bytes_ = (frame_bytes_ + 15) / 16 * 16;
  frame_ = function.is_entry ? ir.CreatePtrToInt(warp_field(offsetof(Warp, local), ir.getPtrTy()), ir.getInt64Ty())
                             : target_->getArg(2);
}

void Emitter::prepare_registers() {
  for (size_t i = 0; i < function.registers.size(); ++i) {
    Type* type = ir.getIntNTy(register_bits(function.registers[i].type));
    const Shape& shape = shape_.shapes[i];
    if (shape.kind == Shape::varying) type = FixedVectorType::get(type, lanes);
    if (shape.kind == Shape::linear) type = row_type(type);
    wraps_.push_back(nullptr);
    if (shape.kind == Shape::linear && shape.correction) {
      wraps_.back() = ir.CreateAlloca(row_type(ir.getInt64Ty()));
      ir.CreateStore(rows(ir.getInt64(grouping_.columns)), wraps_.back());
    }
    registers_.push_back(ir.CreateAlloca(type));
    ir.CreateStore(llvm::Constant::getNullValue(type), registers_.back());
  }
  for (size_t i = 0; i < flow_.blocks.size(); ++i) {
    masks_.push_back(ir.CreateAlloca(ir.getInt32Ty()));
    ir.CreateStore(ir.getInt32(0), masks_.back());
  }
  auto* flags = FixedVectorType::get(ir.getInt1Ty(), lanes);
  carry = ir.CreateAlloca(flags);
  ir.CreateStore(llvm::Constant::getNullValue(flags), carry);
}

void Emitter::emit_block(uint32_t position) {
  uint32_t block = layout_.order[position];
  ir.SetInsertPoint(check_[position]);
  auto* waiting = ir.CreateLoad(ir.getInt32Ty(), masks_[block]);
  auto* skip = BasicBlock::Create(ir.getContext(), "skip", target_);
  ir.CreateCondBr(ir.CreateICmpNE(waiting, ir.getInt32(0)), body_[position], skip);
  ir.SetInsertPoint(skip);
  leave(position);

  ir.SetInsertPoint(body_[position]);
  block_mask_ = ir.CreateLoad(ir.getInt32Ty(), masks_[block]);
  ir.CreateStore(ir.getInt32(0), masks_[block]);
  const Block& range = flow_.blocks[block];
  for (uint32_t i = range.first; i < range.last; ++i)
    if (!has_terminator(function.body[i].opcode)) emit_instruction(function.body[i]);
  emit_terminator(block, position);
}

// Goes on behind `position`: to the next block with waiting lanes, or back to the header of a region that ends here.
void Emitter::leave(uint32_t position) {
  for (const Region& region : layout_.regions) {
    if (region.last != position + 1) continue;
    auto* waiting = ir.CreateLoad(ir.getInt32Ty(), masks_[region.header]);
    auto* out = BasicBlock::Create(ir.getContext(), "out", target_);
    ir.CreateCondBr(ir.CreateICmpNE(waiting, ir.getInt32(0)), body_[position_[region.header]], out);
    ir.SetInsertPoint(out);
  }
  ir.CreateBr(check_[position + 1]);
}

void Emitter::send(uint32_t block, Value* mask) {
  auto* waiting = ir.CreateLoad(ir.getInt32Ty(), masks_[block]);
  ir.CreateStore(ir.CreateOr(waiting, mask), masks_[block]);
}

void Emitter::emit_terminator(uint32_t block, uint32_t position) {
  const Block& range = flow_.blocks[block];
  const Instruction& last = function.body[range.last - 1];
  guard_ = nullptr;
  active_ = block_mask_;
  auto block_at = [&](uint32_t instruction) {
    for (uint32_t next : range.successors)
      if (flow_.blocks[next].first == instruction) return next;
    return no_block;
  };
  auto fall = [&] { return block_at(range.last); };
  if (!has_terminator(last.opcode)) {
    if (fall() == no_block) return leave(position);
    if (!shape_.divergent[block]) {
      send(fall(), block_mask_);
      ir.CreateBr(body_[position_[fall()]]);
      return;
    }
    send(fall(), block_mask_);
    return leave(position);
  }
  if (last.opcode == Opcode::brx) return emit_branch_table(block, position);
  uint32_t taken = no_block;
  if (last.opcode == Opcode::bra) taken = block_at(function.labels[last.operands[0].index]);
  if (last.guard.reg < 0) {
    if (taken != no_block) send(taken, block_mask_);
    if (taken != no_block && !shape_.divergent[block]) {
      ir.CreateBr(body_[position_[taken]]);
      return;
    }
    return leave(position);
  }
  Operand guard;
  guard.kind = Operand::reg;
  guard.index = static_cast<uint32_t>(last.guard.reg);
  guard.negated = last.guard.negated;
  Value* condition = read_predicate(guard);
  uint32_t next = fall();
  auto returns = [&](uint32_t to) { return to != no_block && only_returns(function, flow_.blocks[to]); };
  if (varying(condition) || shape_.divergent[block]) {
    Value* yes = varying(condition) ? ir.CreateBitCast(condition, ir.getInt32Ty())
                                    : ir.CreateSelect(condition, ir.getInt32(~0u), ir.getInt32(0));
    bool leaving = returns(taken) != returns(next) && taken != no_block && next != no_block;
    if (leaving && !shape_.divergent[block]) {  // the lanes that stay are all the lanes there are
      uint32_t end = returns(taken) ? taken : next, stay = returns(taken) ? next : taken;
      Value* leavers = ir.CreateAnd(block_mask_, returns(taken) ? yes : ir.CreateNot(yes));
      Value* rest = ir.CreateAnd(block_mask_, returns(taken) ? ir.CreateNot(yes) : yes);
      send(end, leavers);
      send(stay, rest);
      ir.CreateCondBr(ir.CreateICmpNE(rest, ir.getInt32(0)), body_[position_[stay]], body_[position_[end]]);
      return;
    }
    if (taken != no_block) send(taken, ir.CreateAnd(block_mask_, yes));
    if (next != no_block) send(next, ir.CreateAnd(block_mask_, ir.CreateNot(yes)));
    return leave(position);
  }
  // All living lanes are here and go the same way.
  auto go = [&](uint32_t to) {
    if (to == no_block) return leave(position);
    send(to, block_mask_);
    ir.CreateBr(body_[position_[to]]);
  };
  auto* yes = BasicBlock::Create(ir.getContext(), "taken", target_);
  auto* no = BasicBlock::Create(ir.getContext(), "not_taken", target_);
  ir.CreateCondBr(condition, yes, no);
  ir.SetInsertPoint(yes);
  go(taken);
  ir.SetInsertPoint(no);
  go(next);
}

// brx.idx: every lane goes to the label that its index counts to.
void Emitter::emit_branch_table(uint32_t block, uint32_t position) {
  const Block& range = flow_.blocks[block];
  const Instruction& last = function.body[range.last - 1];
  Value* index = read(last.operands[0], ptx::Type::b32);
  auto mask = [&](Value* condition) -> Value* {
    return varying(condition) ? ir.CreateBitCast(condition, ir.getInt32Ty())
                              : ir.CreateSelect(condition, ir.getInt32(~0u), ir.getInt32(0));
  };
  auto block_at = [&](uint32_t instruction) {
    for (uint32_t next : range.successors)
      if (flow_.blocks[next].first == instruction) return next;
    return no_block;
  };
  Value* going = block_mask_;
  if (last.guard.reg >= 0) {
    Operand guard;
    guard.kind = Operand::reg;
    guard.index = static_cast<uint32_t>(last.guard.reg);
    guard.negated = last.guard.negated;
    going = ir.CreateAnd(going, mask(read_predicate(guard)));
    if (uint32_t next = block_at(range.last); next != no_block)
      send(next, ir.CreateAnd(block_mask_, ir.CreateNot(going)));
  }
  for (size_t i = 1; i < last.operands.size(); ++i) {
    uint32_t target = block_at(function.labels[last.operands[i].index]);
    if (target != no_block) send(target, ir.CreateAnd(going, mask(ir.CreateICmpEQ(index, like(index, i - 1)))));
  }
  leave(position);
}

namespace {

// Instructions that touch more than registers: they run only when a lane is active.
bool has_effects(Opcode opcode) {
  switch (opcode) {
    case Opcode::ld:
    case Opcode::ldu:
    case Opcode::st:
    case Opcode::atom:
    case Opcode::red:
    case Opcode::call:
    case Opcode::bar:
    case Opcode::barrier:
    case Opcode::trap:
    case Opcode::cp:
    case Opcode::nanosleep:
    case Opcode::brkpt:
    case Opcode::ldmatrix:
    case Opcode::stmatrix: return true;
    default: return false;
  }
}

using Family = bool (*)(Emitter&, const ptx::Instruction&);
constexpr Family families[] = {emit_integer, emit_bits,   emit_float, emit_convert, emit_compare,
                               emit_access,  emit_atomic, emit_warp,  emit_matrix};

}  // namespace

void Emitter::emit_instruction(const Instruction& instruction) {
  if (auto* scope = target_->getSubprogram())
    ir.SetCurrentDebugLocation(llvm::DILocation::get(ir.getContext(), instruction.line,
                                                     placement_.text[&function - source.functions.data()], scope));
  guard_ = nullptr;
  active_ = block_mask_;
  if (instruction.guard.reg >= 0) {
    Operand guard;
    guard.kind = Operand::reg;
    guard.index = static_cast<uint32_t>(instruction.guard.reg);
    guard.negated = instruction.guard.negated;
    guard_ = read_predicate(guard);
    Value* yes = varying(guard_) ? ir.CreateBitCast(guard_, ir.getInt32Ty())
                                 : ir.CreateSelect(guard_, ir.getInt32(~0u), ir.getInt32(0));
    active_ = ir.CreateAnd(block_mask_, yes);
  }
  auto run = [&] {
    if (instruction.opcode == Opcode::call) return emit_call(instruction);
    if (emit_linear(instruction)) return;
    for (Family family : families)
      if (family(*this, instruction)) return;
    unsupported(instruction);
  };
  if (guard_ && has_effects(instruction.opcode))
    when(ir.CreateICmpNE(active_, ir.getInt32(0)), run);
  else
    run();
}

void Emitter::unsupported(const Instruction& instruction, const char* why) const {
  std::string text = ptx::word(instruction.opcode);
  for (const std::string& word : instruction.modifiers.words) text += "." + word;
  text = "unsupported instruction '" + text + "'";
  if (why) text += std::string(": ") + why;
  throw Unsupported{instruction.line, text};
}

}  // namespace software
