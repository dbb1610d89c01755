// Loads, stores and address conversion. A warp's addresses are looked at while it runs: neighbours are one vector
// access, anything else a gather or scatter.
#include <llvm/IR/Intrinsics.h>

#include <cstddef>
#include <optional>

#include "device/software/codegen/copies.h"
#include "device/software/codegen/emitter.h"
#include "device/software/codegen/processor.h"
#include "device/software/codegen/together.h"
#include "device/software/codegen/spaces.h"
#include "device/software/pass/instructions.h"
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

// Without the number that is added for all lanes alike.
Value* without_offset(Value* addresses) {
  auto* sum = llvm::dyn_cast<llvm::BinaryOperator>(addresses);
  bool added = sum && sum->getOpcode() == llvm::Instruction::Add && llvm::isa<llvm::Constant>(sum->getOperand(1)) &&
               llvm::cast<llvm::Constant>(sum->getOperand(1))->getSplatValue();
  return added ? sum->getOperand(0) : addresses;
}

// i1: every active lane's address is lane 0's plus lane * size. An inactive lane 0 may hold anything; then a
// gather is the answer. Accesses behind one register ask the same question, which the optimiser then asks once.
Value* neighbours(Emitter& emitter, Value* addresses, unsigned size) {
  auto& ir = emitter.ir;
  addresses = without_offset(addresses);
  Value* first = ir.CreateExtractElement(addresses, uint64_t{0});
  Value* lane = ir.CreateZExt(emitter.lane_numbers(), addresses->getType());
  Value* expected = ir.CreateAdd(emitter.splat(first), ir.CreateMul(lane, emitter.like(addresses, size)));
  Value* wrong = ir.CreateAnd(ir.CreateICmpNE(addresses, expected), emitter.active_lanes());
  return ir.CreateICmpEQ(emitter.mask_of(wrong), ir.getInt32(0));
}

// What `yes` or `no` computes, by `condition`. The values meet in phi nodes rather than in variables: library kernels
// have thousands of accesses, and LLVM's promotion of variables takes time by variables times blocks.
std::vector<Value*> either(Emitter& emitter, Value* condition, const std::function<std::vector<Value*>()>& yes,
                           const std::function<std::vector<Value*>()>& no) {
  auto& ir = emitter.ir;
  auto* parent = ir.GetInsertBlock()->getParent();
  auto* then = llvm::BasicBlock::Create(ir.getContext(), "neighbours", parent);
  auto* otherwise = llvm::BasicBlock::Create(ir.getContext(), "scattered", parent);
  auto* after = llvm::BasicBlock::Create(ir.getContext(), "after", parent);
  ir.CreateCondBr(condition, then, otherwise);
  ir.SetInsertPoint(then);
  auto values = yes();
  auto* then_ends = ir.GetInsertBlock();
  ir.CreateBr(after);
  ir.SetInsertPoint(otherwise);
  auto others = no();
  auto* otherwise_ends = ir.GetInsertBlock();
  ir.CreateBr(after);
  ir.SetInsertPoint(after);
  for (size_t i = 0; i < values.size(); ++i) {
    auto* met = ir.CreatePHI(values[i]->getType(), 2);
    met->addIncoming(values[i], then_ends);
    met->addIncoming(others[i], otherwise_ends);
    values[i] = met;
  }
  return values;
}

// PTX ISA, "Addresses as Operands": an access is aligned to its size, or fails.
void require_aligned(Emitter& emitter, const ptx::Instruction& instruction, const ptx::Operand& operand,
                     Value* addresses) {
  unsigned bytes = access_bytes(instruction.modifiers.type) * instruction.modifiers.vector;
  if (bytes == 1 || operand.base_kind == ptx::Operand::symbol) return;
  emitter.require_aligned(addresses, bytes);
}

// Inline where the processor has masks or needs none; a branch for each lane would take more code than a call.
Value* gather(Emitter& emitter, Value* addresses, llvm::Type* vector) {
  auto& ir = emitter.ir;
  Value* nothing = llvm::Constant::getNullValue(vector);
  if (emitter.all_run() || has_lane_masks())
    return ir.CreateMaskedGather(vector, pointers(emitter, addresses), Align(1), emitter.active_lanes(), nothing);
  auto *places = emitter.scratch(addresses->getType()), *values = emitter.scratch(vector);
  ir.CreateStore(addresses, places);
  ir.CreateStore(nothing, values);
  emitter.hook("outboard_gather", ir.getVoidTy(),
               {emitter.active(), ir.getInt32(vector->getScalarSizeInBits() / 8), places, values});
  return ir.CreateLoad(vector, values);
}

void scatter(Emitter& emitter, Value* addresses, Value* value) {
  auto& ir = emitter.ir;
  if (emitter.all_run() || has_lane_masks()) {
    ir.CreateMaskedScatter(value, pointers(emitter, addresses), Align(1), emitter.active_lanes());
    return;
  }
  auto *places = emitter.scratch(addresses->getType()), *values = emitter.scratch(value->getType());
  ir.CreateStore(addresses, places);
  ir.CreateStore(value, values);
  emitter.hook("outboard_scatter", ir.getVoidTy(),
               {emitter.active(), ir.getInt32(value->getType()->getScalarSizeInBits() / 8), places, values});
}

Value* load(Emitter& emitter, Value* addresses, ptx::Type type, bool is_volatile, bool look = true) {
  auto& ir = emitter.ir;
  unsigned bytes = access_bytes(type);
  auto* element = ir.getIntNTy(bytes * 8);
  if (!Emitter::varying(addresses))
    return ir.CreateAlignedLoad(element, pointers(emitter, addresses), Align(1), is_volatile);
  auto* vector = FixedVectorType::get(element, emitter.lanes);
  Value* nothing = llvm::Constant::getNullValue(vector);
  if (!look) return gather(emitter, addresses, vector);
  auto neighbouring = [&]() -> std::vector<Value*> {
    Value* first = ir.CreateIntToPtr(ir.CreateExtractElement(addresses, uint64_t{0}), ir.getPtrTy());
    return {ir.CreateMaskedLoad(vector, first, Align(1), emitter.active_lanes(), nothing)};
  };
  auto scattered = [&]() -> std::vector<Value*> { return {gather(emitter, addresses, vector)}; };
  return either(emitter, neighbours(emitter, addresses, bytes), neighbouring, scattered)[0];
}

void store(Emitter& emitter, Value* addresses, Value* value, bool is_volatile, bool look = true) {
  auto& ir = emitter.ir;
  unsigned bytes = value->getType()->getScalarSizeInBits() / 8;
  if (!Emitter::varying(addresses)) {  // one of the lanes wins (CUDA C++ Programming Guide, "SIMT architecture")
    Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {emitter.active(), ir.getTrue()});
    ir.CreateAlignedStore(emitter.element(value, lane), pointers(emitter, addresses), Align(1), is_volatile);
    return;
  }
  value = emitter.splat(value);
  if (!look) return scatter(emitter, addresses, value);
  auto neighbouring = [&]() -> std::vector<Value*> {
    Value* first = ir.CreateIntToPtr(ir.CreateExtractElement(addresses, uint64_t{0}), ir.getPtrTy());
    ir.CreateMaskedStore(value, first, Align(1), emitter.active_lanes());
    return {};
  };
  auto scattered = [&]() -> std::vector<Value*> { return scatter(emitter, addresses, value), std::vector<Value*>(); };
  either(emitter, neighbours(emitter, addresses, bytes), neighbouring, scattered);
}

// What the checks are told of a load or store.
Emitter::Asked asked(const ptx::Modifiers& modifiers, uint32_t how) {
  // .cg, .cv and .wt are how programs meet in global memory that are older than PTX's memory model.
  const bool past_caches = modifiers.has("cg") || modifiers.has("cv") || modifiers.has("wt");
  if (is_strong(modifiers) || past_caches) how |= outboard_strong;
  if (releases(modifiers)) how |= outboard_releases;
  return {access_bytes(modifiers.type) * modifiers.vector, modifiers.space, how, modifiers.vector};
}

Value* offset_by(Emitter& emitter, Value* addresses, uint64_t bytes) {
  return bytes ? emitter.ir.CreateAdd(addresses, emitter.like(addresses, bytes)) : addresses;
}

// --- addresses that are known to count up (pass/shape.h)

using LinearAddress = Emitter::LinearAddress;

Value* row(Emitter& emitter, Value* values, unsigned index) {
  return Emitter::varying(values) ? emitter.ir.CreateExtractElement(values, uint64_t{index}) : values;
}

Value* start(Emitter& emitter, const LinearAddress& address, unsigned index) {
  return emitter.ir.CreateAdd(row(emitter, address.base, index),
                              emitter.ir.getInt64(static_cast<uint64_t>(address.offset)));
}

// One vector access per row of lanes will do: consecutive elements, or (loads) one element for the row.
struct Consecutive {
  LinearAddress address;
  unsigned bytes, vector;
  bool same = false;       // the row's lanes share one element
  Value* holds = nullptr;  // i1
  bool blends = false;     // a store: what it leaves alone is written again as it was

  unsigned elements(Emitter& emitter) const { return emitter.grouping().columns * vector; }
};

std::optional<Consecutive> consecutive(Emitter& emitter, const ptx::Instruction& instruction,
                                       const ptx::Operand& operand, bool is_store) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  auto address = emitter.linear_address(operand, modifiers.space);
  if (!address) return std::nullopt;
  Consecutive made{*address, access_bytes(modifiers.type), modifiers.vector, false, address->fits};
  made.same = address->stride == 0;
  bool counting = address->stride == static_cast<int64_t>(made.bytes) * made.vector;
  if (!counting && (!made.same || is_store)) return std::nullopt;
  auto require = [&](Value* condition) { made.holds = made.holds ? ir.CreateAnd(made.holds, condition) : condition; };
  if (made.same || made.vector > 1)
    require(ir.CreateICmpEQ(emitter.active(), emitter.every_lane()));  // no lane masked out
  // A multiple of the size is added from lane to lane, so that the bases tell whether a lane can be misaligned.
  uint64_t size = uint64_t{made.bytes} * made.vector;
  if (size > 1) {
    Value* low = start(emitter, *address, 0);
    for (unsigned r = 1; r < emitter.grouping().rows(); ++r) low = ir.CreateOr(low, start(emitter, *address, r));
    require(ir.CreateICmpEQ(ir.CreateAnd(low, ir.getInt64(size - 1)), ir.getInt64(0)));
  }
  // A processor without masks takes dozens of cycles for a masked store; nobody else has the block's shared memory at
  // the same time. The row must not reach beyond its end.
  made.blends = is_store && modifiers.space == Space::shared && made.vector == 1 && !has_lane_masks();
  for (unsigned r = 0; made.blends && r < emitter.grouping().rows(); ++r) {
    Value* offset = ir.CreateSub(start(emitter, *address, r), emitter.shared_memory());
    Value* end = ir.CreateAdd(offset, ir.getInt64(uint64_t{made.bytes} * emitter.grouping().columns));
    Value* size = emitter.launch_field(offsetof(Launch, total_shared), ir.getInt32Ty());
    size = ir.CreateZExt(size, ir.getInt64Ty());
    require(ir.CreateAnd(ir.CreateICmpULT(offset, size), ir.CreateICmpULE(end, size)));
  }
  if (!made.holds) made.holds = ir.getTrue();
  return made;
}

std::vector<Value*> load_rows(Emitter& emitter, const Consecutive& access) {
  auto& ir = emitter.ir;
  unsigned columns = emitter.grouping().columns, count = access.elements(emitter);
  auto* element = ir.getIntNTy(access.bytes * 8);
  std::vector<Value*> values;
  if (access.same) {
    for (unsigned i = 0; i < access.vector; ++i) {
      Value* bases = llvm::PoisonValue::get(FixedVectorType::get(element, emitter.grouping().rows()));
      for (unsigned r = 0; r < emitter.grouping().rows(); ++r) {
        Value* at = ir.CreateAdd(start(emitter, access.address, r), ir.getInt64(i * access.bytes));
        Value* loaded = ir.CreateAlignedLoad(element, ir.CreateIntToPtr(at, ir.getPtrTy()), Align(1));
        bases = ir.CreateInsertElement(bases, loaded, uint64_t{r});
      }
      values.push_back(emitter.expanded(bases));
    }
    return values;
  }
  std::vector<Value*> parts;
  auto* type = FixedVectorType::get(element, count);
  for (unsigned r = 0; r < emitter.grouping().rows(); ++r) {
    Value* at = ir.CreateIntToPtr(start(emitter, access.address, r), ir.getPtrTy());
    if (access.vector > 1)
      parts.push_back(ir.CreateAlignedLoad(type, at, Align(1)));
    else
      parts.push_back(ir.CreateMaskedLoad(type, at, Align(1),
                                          part(emitter, emitter.active_lanes(), r * columns, columns),
                                          llvm::Constant::getNullValue(type)));
  }
  Value* whole = concatenated(emitter, parts);
  for (unsigned i = 0; i < access.vector; ++i)
    values.push_back(access.vector == 1 ? whole : part(emitter, whole, i, emitter.lanes, access.vector));
  return values;
}

void store_rows(Emitter& emitter, const Consecutive& access, const std::vector<Value*>& values) {
  auto& ir = emitter.ir;
  unsigned columns = emitter.grouping().columns, count = access.elements(emitter);
  Value* whole = interleaved(emitter, values);
  for (unsigned r = 0; r < emitter.grouping().rows(); ++r) {
    Value* at = ir.CreateIntToPtr(start(emitter, access.address, r), ir.getPtrTy());
    Value* piece = part(emitter, whole, r * count, count);
    Value* written = part(emitter, emitter.active_lanes(), r * columns, columns);
    if (access.blends) piece = ir.CreateSelect(written, piece, ir.CreateAlignedLoad(piece->getType(), at, Align(1)));
    if (access.vector > 1 || access.blends)
      ir.CreateAlignedStore(piece, at, Align(1));
    else
      ir.CreateMaskedStore(piece, at, Align(1), written);
  }
}

// A kernel's own parameter, which nobody changes.
bool is_parameter(const ptx::Function& function, const ptx::Instruction& instruction) {
  const ptx::Operand& operand = instruction.operands[1];
  return function.is_entry && instruction.modifiers.space == Space::param &&
         operand.base_kind == ptx::Operand::symbol && operand.local &&
         std::ranges::find(function.parameter_variables, operand.index) != function.parameter_variables.end();
}

std::vector<Value*> load_anywhere(Emitter& emitter, const ptx::Instruction& instruction, bool strong, bool look) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  Value* addresses = emitter.address_of(instruction.operands[1], modifiers.space);
  addresses = emitter.checked(addresses, asked(modifiers, outboard_reads));
  require_aligned(emitter, instruction, instruction.operands[1], addresses);
  std::vector<Value*> values;
  for (unsigned i = 0; i < modifiers.vector; ++i)
    values.push_back(
        load(emitter, offset_by(emitter, addresses, i * access_bytes(modifiers.type)), modifiers.type, strong, look));
  for (Value* value : values)
    if (auto* read = llvm::dyn_cast<llvm::LoadInst>(value); read && is_parameter(emitter.function, instruction))
      read->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(ir.getContext(), {}));
  return values;
}

void emit_load(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  const bool strong = is_strong(modifiers);
  if (strong) emitter.hook("outboard_yield", ir.getVoidTy(), {emitter.warp()});
  std::optional<Consecutive> rows;
  std::optional<std::vector<Value*>> together;
  const bool anywhere = strong || emitter.is_checked();
  if (!anywhere) together = load_together(emitter, instruction);
  if (!anywhere && !together) rows = consecutive(emitter, instruction, instruction.operands[1], false);
  std::vector<Value*> values;
  if (together) {
    values = *together;
  } else if (!rows) {
    values = load_anywhere(emitter, instruction, strong, true);
  } else {
    auto anywhere = [&] {
      std::vector<Value*> loaded;
      emitter.rarely([&] {
        for (Value* value : load_anywhere(emitter, instruction, false, rows->same))
          loaded.push_back(emitter.splat(value));
      });
      return loaded;
    };
    values = either(
        emitter, rows->holds, [&] { return load_rows(emitter, *rows); }, anywhere);
  }
  if (modifiers.has("acquire")) ir.CreateFence(llvm::AtomicOrdering::Acquire);
  emitter.ask_ahead(instruction);
  const auto& destination = instruction.operands[0];
  for (unsigned i = 0; i < modifiers.vector; ++i)
    emitter.write(modifiers.vector == 1 ? destination : destination.elements.at(i), values[i], modifiers.type);
}

void emit_store(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  if (modifiers.has("release")) emitter.ir.CreateFence(llvm::AtomicOrdering::Release);
  const auto& value = instruction.operands[1];
  std::vector<Value*> values;
  for (unsigned i = 0; i < modifiers.vector; ++i)
    values.push_back(emitter.read(modifiers.vector == 1 ? value : value.elements.at(i), modifiers.type));
  // An element `_` leaves its place in memory alone.
  auto skipped = [&](unsigned i) { return modifiers.vector > 1 && value.elements.at(i).kind == ptx::Operand::sink; };
  bool skips = false;
  for (unsigned i = 0; i < modifiers.vector; ++i) skips = skips || skipped(i);
  auto anywhere = [&](bool look) {
    Value* addresses = emitter.address_of(instruction.operands[0], modifiers.space);
    addresses = emitter.checked(addresses, asked(modifiers, outboard_writes), values);
    require_aligned(emitter, instruction, instruction.operands[0], addresses);
    for (unsigned i = 0; i < modifiers.vector; ++i)
      if (!skipped(i))
        store(emitter, offset_by(emitter, addresses, i * access_bytes(modifiers.type)), values[i], is_strong(modifiers),
              look);
  };
  if (is_strong(modifiers) || skips || emitter.is_checked()) return anywhere(true);
  std::vector<Value*> spread;
  for (Value* one : values) spread.push_back(emitter.splat(one));
  emitter.ask_ahead(instruction);
  if (store_together(emitter, instruction, spread)) return;
  auto rows = consecutive(emitter, instruction, instruction.operands[0], true);
  if (!rows) return anywhere(true);
  auto in_rows = [&]() -> std::vector<Value*> { return store_rows(emitter, *rows, spread), std::vector<Value*>(); };
  auto elsewhere = [&]() -> std::vector<Value*> {
    emitter.rarely([&] { anywhere(false); });
    return {};
  };
  either(emitter, rows->holds, in_rows, elsewhere);
}

// Only shared memory has addresses of its own (offsets); all other spaces use generic ones.
void emit_cvta(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  Value* address = emitter.read(instruction.operands[1], modifiers.type);
  if (modifiers.space == Space::shared) {
    Value* base = ir.CreateZExtOrTrunc(emitter.shared_memory(), address->getType()->getScalarType());
    emitter.unify(address, base);
    address = modifiers.to ? ir.CreateSub(address, base) : ir.CreateAdd(address, base);
  }
  emitter.write(instruction.operands[0], address, modifiers.type);
}

}  // namespace

void copy_pieces(Emitter& emitter, Value* to, Value* from, unsigned bytes) {
  ptx::Type part = bytes == 4 ? ptx::Type::b32 : ptx::Type::b64;
  for (unsigned at = 0; at < bytes; at += access_bytes(part))
    store(emitter, offset_by(emitter, to, at), load(emitter, offset_by(emitter, from, at), part, false), false);
}

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
    default: return emit_space(emitter, instruction);
  }
}

}  // namespace software
