// Operands as LLVM values: scalar where the whole warp agrees, 32 lanes where it does not.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

#include <bit>
#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/machine_code.h"
#include "device/software/run/texture.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::BasicBlock;
using llvm::FixedVectorType;
using ptx::Space;

bool Emitter::varying(Value* value) { return value->getType()->isVectorTy(); }

Emitter::Value* Emitter::splat(Value* value) { return varying(value) ? value : ir.CreateVectorSplat(lanes, value); }

void Emitter::unify(Value*& a, Value*& b) {
  if (varying(a)) b = splat(b);
  if (varying(b)) a = splat(a);
}

llvm::Type* Emitter::shaped(llvm::Type* element, Value* like) {
  return varying(like) ? static_cast<llvm::Type*>(FixedVectorType::get(element, lanes)) : element;
}

llvm::Type* Emitter::float_type(ptx::Type type) {
  switch (type) {
    case ptx::Type::f16:
    case ptx::Type::f16x2: return ir.getHalfTy();
    case ptx::Type::bf16:
    case ptx::Type::bf16x2: return ir.getBFloatTy();
    case ptx::Type::f64: return ir.getDoubleTy();
    default: return ir.getFloatTy();
  }
}

Emitter::Value* Emitter::as_float(Value* bits, ptx::Type type) {
  llvm::Type* element = float_type(type);
  bool packed = type == ptx::Type::f16x2 || type == ptx::Type::bf16x2 || type == ptx::Type::f32x2;
  unsigned count = (varying(bits) ? lanes : 1) * (packed ? 2 : 1);
  return ir.CreateBitCast(bits, count == 1 ? element : FixedVectorType::get(element, count));
}

Emitter::Value* Emitter::as_bits(Value* value, unsigned width) {
  unsigned total = static_cast<unsigned>(value->getType()->getPrimitiveSizeInBits());
  llvm::Type* type = ir.getIntNTy(width);
  return ir.CreateBitCast(value, total == width ? type : FixedVectorType::get(type, lanes));
}

Emitter::Value* Emitter::constant(uint64_t value, unsigned width) {
  return ir.getIntN(width, width < 64 ? value & ((1ull << width) - 1) : value);
}

Emitter::Value* Emitter::like(Value* shape, uint64_t value) {
  auto width = shape->getType()->getScalarSizeInBits();
  return llvm::ConstantInt::get(shape->getType(), width < 64 ? value & ((1ull << width) - 1) : value);
}

Emitter::Value* Emitter::intrinsic(llvm::Intrinsic::ID id, std::initializer_list<Value*> arguments) {
  std::vector<Value*> list(arguments);
  return ir.CreateIntrinsic(id, {list[0]->getType()}, list);
}

namespace {

// What it loads nobody changes while the code runs.
llvm::LoadInst* stays(llvm::LoadInst* load) {
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(load->getContext(), {}));
  return load;
}

}  // namespace

Emitter::Value* Emitter::warp_field(unsigned offset, llvm::Type* type) {
  bool of_block = offset == offsetof(Warp, launch) || offset == offsetof(Warp, shared) ||
                  (offset >= offsetof(Warp, block_index) && offset < offsetof(Warp, warp_index));
  auto* field = ir.CreateLoad(type, ir.CreateConstGEP1_32(ir.getInt8Ty(), of_block ? first_warp_ : warp_, offset));
  if (offset < offsetof(Warp, products)) stays(field);
  return field;
}

Emitter::Value* Emitter::launch_field(unsigned offset, llvm::Type* type) {
  return stays(ir.CreateLoad(type, ir.CreateConstGEP1_32(ir.getInt8Ty(), launch_, offset)));
}

Emitter::Value* Emitter::shared_memory() {
  auto* base = llvm::cast<llvm::LoadInst>(warp_field(offsetof(Warp, shared), ir.getPtrTy()));
  llvm::MDBuilder metadata(ir.getContext());
  auto number = [&](uint64_t value) { return metadata.createConstant(ir.getInt64(value)); };
  base->setMetadata(llvm::LLVMContext::MD_align, llvm::MDNode::get(ir.getContext(), {number(shared_alignment)}));
  return ir.CreatePtrToInt(base, ir.getInt64Ty());
}

Emitter::Value* Emitter::lane_numbers() {
  std::vector<uint32_t> numbers(lanes);
  for (unsigned i = 0; i < lanes; ++i) numbers[i] = i;
  return llvm::ConstantDataVector::get(ir.getContext(), numbers);
}

Emitter::Value* Emitter::active() { return active_; }

Emitter::Value* Emitter::active_lanes() {
  // Not kept: a cached value could stand in a block that does not dominate this place.
  if (all_run()) return llvm::Constant::getAllOnesValue(FixedVectorType::get(ir.getInt1Ty(), lanes));
  if (block_mask_ == every_lane() && guard_) return splat(guard_);
  return lanes_of(active_);
}

bool Emitter::all_run() { return active_ == every_lane(); }

Emitter::Value* Emitter::every_lane() { return ir.getInt32(lanes < 32 ? (1u << lanes) - 1 : ~0u); }

Emitter::Value* Emitter::mask_of(Value* conditions) {
  return ir.CreateZExt(ir.CreateBitCast(conditions, ir.getIntNTy(lanes)), ir.getInt32Ty());
}

Emitter::Value* Emitter::lanes_of(Value* mask) {
  mask = ir.CreateTrunc(mask, ir.getIntNTy(lanes));
  return ir.CreateBitCast(mask, FixedVectorType::get(ir.getInt1Ty(), lanes));
}

llvm::AllocaInst* Emitter::scratch(llvm::Type* type) {
  Scratch& scratch = scratch_[type];
  if (scratch.used == scratch.made.size()) scratch.made.push_back(room(type));
  return scratch.made[scratch.used++];
}

llvm::AllocaInst* Emitter::room(llvm::Type* type) {
  llvm::IRBuilder<> at(&target_->getEntryBlock(), target_->getEntryBlock().begin());
  return at.CreateAlloca(type);
}

llvm::AllocaInst* Emitter::area(unsigned number) {
  while (areas_.size() <= number) {
    areas_.push_back(room(llvm::ArrayType::get(ir.getInt8Ty(), 4096)));
    areas_.back()->setAlignment(llvm::Align(64));
  }
  return areas_[number];
}

Emitter::Value* Emitter::hook(const char* name, llvm::Type* result, std::initializer_list<Value*> arguments) {
  std::vector<llvm::Type*> types;
  for (Value* argument : arguments) types.push_back(argument->getType());
  auto callee = target_->getParent()->getOrInsertFunction(name, llvm::FunctionType::get(result, types, false));
  return ir.CreateCall(callee, std::vector<Value*>(arguments));
}

void Emitter::when(Value* condition, const std::function<void()>& body) {
  auto* inside = BasicBlock::Create(ir.getContext(), "when", target_);
  auto* after = BasicBlock::Create(ir.getContext(), "after", target_);
  ir.CreateCondBr(condition, inside, after);
  ir.SetInsertPoint(inside);
  body();
  ir.CreateBr(after);
  ir.SetInsertPoint(after);
}

void Emitter::unless(Value* condition, const std::function<void()>& plain, const std::function<void()>& rare) {
  auto *rarely = block("rarely"), *usually = block("usually");
  auto* weights = llvm::MDBuilder(ir.getContext()).createUnlikelyBranchWeights();
  ir.CreateCondBr(condition, rarely, usually, weights);
  auto* after = plain ? block("after") : usually;
  ir.SetInsertPoint(rarely);
  rare();
  if (!llvm::isa<llvm::UnreachableInst>(ir.GetInsertBlock()->back())) ir.CreateBr(after);
  ir.SetInsertPoint(usually);
  if (!plain) return;
  plain();
  ir.CreateBr(after);
  ir.SetInsertPoint(after);
}

void Emitter::each_active_lane(const std::function<void(Value*)>& body) {
  auto* left = scratch(ir.getInt32Ty());
  auto* loop = BasicBlock::Create(ir.getContext(), "lane", target_);
  auto* after = BasicBlock::Create(ir.getContext(), "after", target_);
  ir.CreateStore(active_, left);
  ir.CreateCondBr(ir.CreateICmpNE(active_, ir.getInt32(0)), loop, after);
  ir.SetInsertPoint(loop);
  auto* mask = ir.CreateLoad(ir.getInt32Ty(), left);
  auto* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {mask, ir.getTrue()});
  body(lane);
  auto* rest = ir.CreateAnd(mask, ir.CreateSub(mask, ir.getInt32(1)));
  ir.CreateStore(rest, left);
  ir.CreateCondBr(ir.CreateICmpNE(rest, ir.getInt32(0)), loop, after);
  ir.SetInsertPoint(after);
}

void Emitter::require_aligned(Value* addresses, unsigned bytes) {
  Value* wrong = ir.CreateICmpNE(ir.CreateAnd(addresses, like(addresses, bytes - 1)), like(addresses, 0));
  Value* any = wrong;
  if (varying(addresses)) any = ir.CreateICmpNE(ir.CreateAnd(mask_of(wrong), active_), ir.getInt32(0));
  auto* failing = BasicBlock::Create(ir.getContext(), "misaligned", target_);
  auto* fine = BasicBlock::Create(ir.getContext(), "aligned", target_);
  ir.CreateCondBr(any, failing, fine);
  ir.SetInsertPoint(failing);
  Value* lanes_in = varying(addresses) ? ir.CreateAnd(mask_of(wrong), active_) : active_;
  Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {lanes_in, ir.getTrue()});
  hook("outboard_misaligned", ir.getVoidTy(), {warp_, lane, element(addresses, lane)});
  ir.CreateUnreachable();
  ir.SetInsertPoint(fine);
}

Emitter::Value* Emitter::element(Value* value, Value* lane) {
  return varying(value) ? ir.CreateExtractElement(value, lane) : value;
}

namespace {

// Zero- or sign-extends, or cuts, to `width` bits per element.
llvm::Value* resized(llvm::IRBuilder<>& ir, llvm::Value* value, unsigned width, bool is_signed) {
  llvm::Type* type = value->getType()->getWithNewBitWidth(width);
  return is_signed ? ir.CreateSExtOrTrunc(value, type) : ir.CreateZExtOrTrunc(value, type);
}

// PTX ISA, "Floating-Point Constants": 0f holds a float, anything else a double, converted to the type asked for.
uint64_t real_bits(const ptx::Operand& operand, ptx::Type type) {
  if (operand.single && type != ptx::Type::f64) return static_cast<uint32_t>(operand.value);
  double value = operand.single ? std::bit_cast<float>(static_cast<uint32_t>(operand.value))
                                : std::bit_cast<double>(operand.value);
  if (ptx::bits(type) == 64) return std::bit_cast<uint64_t>(value);
  return std::bit_cast<uint32_t>(static_cast<float>(value));
}

}  // namespace

Emitter::Value* Emitter::read(const Operand& operand, ptx::Type type) {
  unsigned width = type == ptx::Type::pred ? 1 : ptx::bits(type);
  switch (operand.kind) {
    case Operand::reg: {
      const Slot& slot = registers_[operand.index];
      Value* value;
      if (const Shape& shape = shape_.shapes[operand.index]; shape.kind == Shape::linear)
        value = materialised(read_linear(operand, function.registers[operand.index].type), shape);
      else
        value = ir.CreateLoad(slot.type, slot.at);
      if (operand.negated) value = ir.CreateNot(value);
      return resized(ir, value, width, false);
    }
    case Operand::integer: return constant(static_cast<uint64_t>(operand.value), width);
    case Operand::real: return constant(real_bits(operand, type), width);
    case Operand::special_register: return resized(ir, special(operand.special), width, false);
    case Operand::given: return given_number(operand, type);
    case Operand::function: return constant(function_address(operand.index), width);
    case Operand::symbol:
      return resized(ir, is_opaque(operand) ? handle(operand) : symbol_address(operand), width, false);
    case Operand::vector: {  // mov.b64 %d, {%r1, %r2}: the first element is the lowest
      unsigned part = width / static_cast<unsigned>(operand.elements.size());
      Value* whole = nullptr;
      for (size_t i = 0; i < operand.elements.size(); ++i) {
        ptx::Type piece = part == 64   ? ptx::Type::b64
                          : part == 32 ? ptx::Type::b32
                          : part == 16 ? ptx::Type::b16
                                       : ptx::Type::b8;
        Value* value = resized(ir, read(operand.elements[i], piece), width, false);
        value = ir.CreateShl(value, like(value, i * part));
        if (whole) unify(whole, value);
        whole = whole ? ir.CreateOr(whole, value) : value;
      }
      return whole;
    }
    default: return constant(0, width);
  }
}

Emitter::Value* Emitter::read_predicate(const Operand& operand) { return read(operand, ptx::Type::pred); }

void Emitter::write(const Operand& operand, Value* value, ptx::Type type) {
  if (operand.kind == Operand::vector) {
    unsigned whole = value->getType()->getScalarSizeInBits(),
             part = whole / static_cast<unsigned>(operand.elements.size());
    for (size_t i = 0; i < operand.elements.size(); ++i)
      write(operand.elements[i], resized(ir, ir.CreateLShr(value, like(value, i * part)), part, false));
    return;
  }
  if (operand.kind != Operand::reg) return;                  // the sink
  if (shape_.shapes[operand.index].kind == Shape::linear) {  // the warp agrees here, though not everywhere
    value = resized(ir, value, registers_[operand.index].type->getScalarSizeInBits(), ptx::is_signed(type));
    return write_linear(operand, {value, nullptr});
  }
  const auto& [slot, held] = registers_[operand.index];
  value = resized(ir, value, held->getScalarSizeInBits(), ptx::is_signed(type));
  if (held->isVectorTy())
    value = splat(value);
  else if (varying(value))
    value = ir.CreateExtractElement(value, uint64_t{0});
  if (shape_.blended[operand.index] && !all_run()) {
    Value* old = ir.CreateLoad(held, slot);
    Value* chosen = held->isVectorTy() ? active_lanes() : guard_ ? guard_ : ir.getTrue();
    if (!held->isVectorTy() && varying(chosen)) chosen = ir.CreateICmpNE(active_, ir.getInt32(0));
    value = ir.CreateSelect(chosen, value, old);
  }
  ir.CreateStore(value, slot);
}

// The value of a symbol: an offset for shared variables, a native address for all others.
// Where the module's variables are: what the loader wrote into the code's cell.
Emitter::Value* Emitter::variables() {
  auto* cell = target_->getParent()->getNamedGlobal(variables_symbol);
  auto* base = ir.CreateAlignedLoad(ir.getInt64Ty(), cell, llvm::Align(8));
  base->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(ir.getContext(), {}));
  return ir.CreateAnd(base, ir.getInt64(~(variables_alignment - 1)));  // tells the optimiser how it is aligned
}

Emitter::Value* Emitter::variable_address(size_t index) {
  return ir.CreateAdd(variables(), ir.getInt64(placement_.address[index]));
}

Emitter::Value* Emitter::symbol_address(const Operand& operand) {
  auto offset = static_cast<uint64_t>(operand.value);
  if (!operand.local) {
    Value* address = ir.getInt64(placement_.address[operand.index] + offset);
    bool shared = source.variables[operand.index].space == Space::shared;
    return shared ? address : ir.CreateAdd(variables(), address);
  }
  const ptx::Variable& variable = function.variables[operand.index];
  if (variable.space == Space::shared) return ir.getInt64(layout_of_frame_.shared[operand.index] + offset);
  auto position = [&](const std::vector<uint32_t>& list) {
    for (size_t i = 0; i < list.size(); ++i)
      if (list[i] == operand.index) return static_cast<int>(i);
    return -1;
  };
  int parameter = position(function.parameter_variables), result = position(function.result_variables);
  if (function.is_entry && parameter >= 0) {
    Value* base = ir.CreatePtrToInt(launch_field(offsetof(Launch, parameters), ir.getPtrTy()), ir.getInt64Ty());
    if (given_) return ir.CreateAdd(base, displacement(operand));
    return ir.CreateAdd(base, ir.getInt64(function.parameter_offsets[static_cast<size_t>(parameter)] + offset));
  }
  Value *base = frame_, *stride = ir.getInt64(frame_bytes());
  if (parameter >= 0 || result >= 0) {
    size_t argument =
        4 + (result >= 0 ? static_cast<size_t>(result) : function.results.size() + static_cast<size_t>(parameter));
    base = target_->getArg(static_cast<unsigned>(argument));
    stride = target_->getArg(3);
  } else {
    offset += layout_of_frame_.local[operand.index];
  }
  Value* lane = ir.CreateZExt(lane_numbers(), FixedVectorType::get(ir.getInt64Ty(), lanes));
  return ir.CreateAdd(ir.CreateMul(lane, splat(stride)), splat(ir.CreateAdd(base, ir.getInt64(offset))));
}

Emitter::Value* Emitter::address_of(const Operand& operand, Space space) {
  Value* address = nullptr;
  if (operand.base_kind == Operand::reg) {
    Operand base;
    base.kind = Operand::reg;
    base.index = operand.index;
    address = read(base, ptx::Type::b64);
    Value* offset = displacement(operand);
    if (space == Space::shared) {
      address = resized(ir, resized(ir, address, 32, false), 64, true);
      offset = resized(ir, resized(ir, offset, 32, false), 64, true);
    }
    address = ir.CreateAdd(address, varying(address) ? splat(offset) : offset);
  } else if (operand.base_kind == Operand::symbol) {
    address = symbol_address(operand);
  } else {
    address = displacement(operand);
  }
  if (space != Space::shared) return address;
  // Addresses in shared memory have 32 bits: -4 plus 8 is 4. Those of a cluster's earlier blocks are negative.
  // (Beyond 2^31, where nothing is, they do not wrap round here: so the offset becomes part of an instruction.)
  if (operand.base_kind != Operand::reg) address = resized(ir, resized(ir, address, 32, false), 64, true);
  Value* base = shared_memory();
  unify(address, base);
  return ir.CreateAdd(address, base);
}

bool Emitter::is_opaque(const Operand& operand) const {
  const auto& variables = operand.local ? function.variables : source.variables;
  return variables[operand.index].type == ptx::Type::opaque;
}

// A variable of an opaque type holds its handle; a register has one already.
Emitter::Value* Emitter::handle(const Operand& operand) {
  if (operand.kind == Operand::reg) return read(operand, ptx::Type::b64);
  bool variable = operand.kind == Operand::symbol || operand.base_kind == Operand::symbol;
  if (!variable) return address_of(operand, Space::none);
  Value* place = symbol_address(operand);
  if (varying(place)) place = ir.CreateExtractElement(place, uint64_t{0});
  return ir.CreateLoad(ir.getInt64Ty(), ir.CreateIntToPtr(place, ir.getPtrTy()));
}

Emitter::Value* Emitter::texture_operands() {
  if (texture_operands_) return texture_operands_;
  auto* operands = room(llvm::ArrayType::get(ir.getInt8Ty(), sizeof(TextureOperands)));
  operands->setAlignment(llvm::Align(64));
  return texture_operands_ = operands;
}

}  // namespace software
