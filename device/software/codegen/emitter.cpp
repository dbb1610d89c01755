// Registers, operands, masks and the walk over blocks. What single instructions compute is in emit_*.cpp.
#include "device/software/codegen/emitter.h"

#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "device/software/codegen/one_by_one.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::BasicBlock;
using llvm::FixedVectorType;
using ptx::Opcode;
using ptx::Space;

namespace {

unsigned register_bits(ptx::Type type) { return type == ptx::Type::pred ? 1 : ptx::bits(type); }

bool is_parameter(const ptx::Function& function, uint32_t variable) {
  for (uint32_t index : function.parameter_variables)
    if (index == variable) return true;
  for (uint32_t index : function.result_variables)
    if (index == variable) return true;
  return false;
}

}  // namespace

bool uses_stack(const ptx::Function& function) {
  return std::any_of(function.body.begin(), function.body.end(), [](const ptx::Instruction& instruction) {
    return instruction.opcode == Opcode::alloca_ || instruction.opcode == Opcode::stacksave ||
           instruction.opcode == Opcode::stackrestore;
  });
}

uint32_t shared_end(const ptx::Function& function, uint32_t start) {
  for (const ptx::Variable& variable : function.variables) {
    if (variable.space != Space::shared) continue;
    uint32_t alignment = std::max(variable.alignment, 1u);
    start = (start + alignment - 1) / alignment * alignment + static_cast<uint32_t>(variable.size);
  }
  return start;
}

void make_kernel_code(llvm::Function& function) {
  function.addFnAttr(llvm::Attribute::NoUnwind);
  function.addFnAttr("denormal-fp-math", "ieee,ieee");
  function.addParamAttr(0, llvm::Attribute::get(function.getContext(), warp_attribute));
}

// Kernels: void(Warp*). Device functions: void(Warp*, i32 mask, i64 free local memory, i64 lane stride of the
// arguments, then one i64 per result and per parameter: lane 0's copy of that variable in the caller's frame).
llvm::Function* Emitter::declare(llvm::Module& target, const ptx::Function& function) {
  auto& context = target.getContext();
  std::vector<llvm::Type*> arguments{llvm::PointerType::get(context, 0)};
  if (!function.is_entry) {
    arguments.push_back(llvm::Type::getInt32Ty(context));
    size_t addresses = 2 + function.results.size() + function.parameters.size();
    arguments.insert(arguments.end(), addresses, llvm::Type::getInt64Ty(context));
  }
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), arguments, false);
  auto linkage = function.is_entry ? llvm::Function::ExternalLinkage : llvm::Function::InternalLinkage;
  auto* made = llvm::Function::Create(type, linkage, "ptx." + function.name, target);
  make_kernel_code(*made);
  return made;
}

Emitter::Emitter(llvm::Module& target, const ptx::Module& source, size_t index, const ptx::Function& function,
                 const Placement& placement, Grouping grouping)
    : ir(target.getContext()),
      lanes(grouping.lanes),
      source(source),
      function(function),
      index_(index),
      placement_(placement),
      grouping_(grouping),
      flow_(control_flow(function)),
      layout_(lay_out(flow_)),
      spins_(find_spins(function, flow_, layout_)),
      target_(target.getFunction("ptx." + function.name)),
      whole_(grouping.whole && function.is_entry) {
  if (spins_.any) {
    flow_ = control_flow(function, true);
    layout_ = lay_out(flow_);
    spins_ = find_spins(function, flow_, layout_);
  }
  shape_ = uniformity(function, flow_, grouping, spins_.exits);
  if (!grouping.checked) stages_ = find_stages(source, function, flow_, shape_, spins_);
  if (!stages_.any) return;
  bounds_ = find_bounds(function);
  growth_ = find_growth(function, flow_, layout_, shape_);
}

void Emitter::emit() {
  ir.SetInsertPoint(BasicBlock::Create(ir.getContext(), "entry", target_));
  warp_ = target_->getArg(0);
  begin_warps();
  launch_ = warp_field(offsetof(Warp, launch), ir.getPtrTy());
  entry_mask_ = function.is_entry ? warp_field(offsetof(Warp, lanes), ir.getInt32Ty()) : target_->getArg(1);
  prepare_frame();
  prepare_registers();
  emit_flow();
}

Frame lay_out_frame(const ptx::Function& function, uint32_t shared_start) {
  Frame frame;
  frame.local.assign(function.variables.size(), Frame::nowhere);
  frame.shared.assign(function.variables.size(), 0);
  for (uint32_t i = 0; i < function.variables.size(); ++i) {
    const ptx::Variable& variable = function.variables[i];
    uint64_t alignment = std::max<uint64_t>(variable.alignment, 1);
    if (variable.space == Space::shared) {
      shared_start = static_cast<uint32_t>((shared_start + alignment - 1) / alignment * alignment);
      frame.shared[i] = shared_start;
      shared_start += static_cast<uint32_t>(variable.size);
    } else if (!is_parameter(function, i)) {
      frame.bytes = (frame.bytes + alignment - 1) / alignment * alignment;
      frame.local[i] = frame.bytes;
      frame.bytes += variable.size;
    }
  }
  frame.bytes = (frame.bytes + 15) / 16 * 16;
  return frame;
}

void Emitter::prepare_frame() {
  layout_of_frame_ = lay_out_frame(function, placement_.function_shared[index_]);
  frame_ = function.is_entry ? ir.CreatePtrToInt(warp_field(offsetof(Warp, local), ir.getPtrTy()), ir.getInt64Ty())
                             : target_->getArg(2);
  if (!uses_stack(function)) return;
  stack_end_ = room(ir.getInt64Ty());
  ir.CreateStore(ir.CreateAdd(frame_, ir.getInt64(frame_bytes() * lanes)), stack_end_);
}

void Emitter::prepare_registers() {
  for (size_t i = 0; i < function.registers.size(); ++i) {
    llvm::Type* type = ir.getIntNTy(register_bits(function.registers[i].type));
    const Shape& shape = shape_.shapes[i];
    if (shape.kind == Shape::varying) type = FixedVectorType::get(type, lanes);
    if (shape.kind == Shape::linear) type = row_type(type);
    wraps_.push_back(nullptr);
    if (shape.kind == Shape::linear && shape.correction) {
      wraps_.back() = room(row_type(ir.getInt64Ty()));
      ir.CreateStore(rows(ir.getInt64(grouping_.columns)), wraps_.back());
    }
    registers_.push_back({room(type), type});
    ir.CreateStore(llvm::Constant::getNullValue(type), registers_.back().at);
  }
  for (size_t i = 0; i < flow_.blocks.size(); ++i) {
    masks_.push_back(room(ir.getInt32Ty()));
    ir.CreateStore(ir.getInt32(0), masks_.back());
  }
  for (size_t i = 0; i < layout_.regions.size(); ++i) {
    rounds_.push_back(spins(i) ? room(ir.getInt32Ty()) : nullptr);
    if (spins(i)) ir.CreateStore(ir.getInt32(0), rounds_[i]);
  }
  auto* flags = FixedVectorType::get(ir.getInt1Ty(), lanes);
  carry = room(flags);
  ir.CreateStore(llvm::Constant::getNullValue(flags), carry);
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
    case Opcode::alloca_:
    case Opcode::stackrestore:
    case Opcode::ldmatrix:
    case Opcode::stmatrix:
    case Opcode::tex:
    case Opcode::tld4:
    case Opcode::txq:
    case Opcode::suq:
    case Opcode::suld:
    case Opcode::sust:
    case Opcode::sured:
    case Opcode::mbarrier:
    case Opcode::tensormap:
    case Opcode::clusterlaunchcontrol:
    case Opcode::wmma:
    case Opcode::wgmma: return true;
    default: return false;
  }
}

using Family = bool (*)(Emitter&, const ptx::Instruction&);
constexpr Family families[] = {emit_integer, emit_bits,    emit_float, emit_convert,  emit_compare, emit_copy,
                               emit_access,  emit_atomic,  emit_warp,  emit_mbarrier, emit_cluster, emit_matrix,
                               emit_texture, emit_surface, emit_video, emit_stack};

}  // namespace

void Emitter::emit_instruction(const Instruction& instruction) {
  if (auto* scope = target_->getSubprogram())
    ir.SetCurrentDebugLocation(
        llvm::DILocation::get(ir.getContext(), instruction.line, placement_.text[index_], scope));
  for (auto& [type, scratch] : scratch_) scratch.used = 0;
  restore_for(instruction);
  guard_ = nullptr;
  active_ = block_mask_;
  if (instruction.guard.reg >= 0) {
    guard_ = condition(instruction);
    Value* yes = varying(guard_) ? mask_of(guard_) : ir.CreateSelect(guard_, every_lane(), ir.getInt32(0));
    active_ = ir.CreateAnd(block_mask_, yes);
  }
  auto run = [&] {
    if (instruction.opcode == Opcode::call) return emit_call(instruction);
    if (emit_linear(instruction)) return;
    for (Family family : families)
      if (family(*this, instruction)) return;
    unsupported(instruction, instruction.opcode == Opcode::multimem ? "there is no multicast memory" : nullptr);
  };
  try {
    if (guard_ && has_effects(instruction.opcode))
      when(ir.CreateICmpNE(active_, ir.getInt32(0)), run);
    else
      run();
  } catch (const std::out_of_range&) {
    unsupported(instruction, "an operand is missing");
  }
  if (stages_.any) each_definition(instruction, [&](uint32_t reg) { keep_written(reg); });
}

void Emitter::unsupported(const Instruction& instruction, const char* why) const {
  std::string text = ptx::word(instruction.opcode);
  for (const std::string& word : instruction.modifiers.words) text += "." + word;
  text = "unsupported instruction '" + text + "'";
  if (why) text += std::string(": ") + why;
  throw Unsupported{instruction.line, text};
}

}  // namespace software
