// Copies of many bytes by one thread (PTX ISA, "cp.async.bulk", "cp.reduce.async.bulk"), and st.async and red.async,
// which are such copies of one register.
#include "device/software/codegen/copies.h"
#include "device/software/codegen/emitter.h"
#include "device/software/run/reduction.h"

namespace software {

using llvm::Value;
using ptx::Operand;
using ptx::Space;
using ptx::Type;

std::vector<Space> spaces_of(const ptx::Modifiers& modifiers) {
  std::vector<Space> found;
  for (const std::string& word : modifiers.words) {
    if (word.starts_with("shared")) found.push_back(Space::shared);
    if (word == "global") found.push_back(Space::global);
  }
  return found;
}

uint32_t operation_of(Emitter& emitter, const ptx::Instruction& instruction) {
  struct Row {
    const char* word;
    Reduce what;
  };
  constexpr Row rows[] = {{"add", Reduce::add},       {"min", Reduce::minimum},   {"max", Reduce::maximum},
                          {"inc", Reduce::increment}, {"dec", Reduce::decrement}, {"and", Reduce::and_},
                          {"or", Reduce::or_},        {"xor", Reduce::xor_}};
  for (const Row& row : rows)
    if (instruction.modifiers.operation == row.word) return static_cast<uint32_t>(row.what);
  emitter.unsupported(instruction);
}

uint32_t reduction_of(Emitter& emitter, const ptx::Instruction& instruction) {
  struct Row {
    Type type;
    Element element;
  };
  constexpr Row rows[] = {{Type::u32, Element::u32},  {Type::s32, Element::s32}, {Type::u64, Element::u64},
                          {Type::s64, Element::s64},  {Type::b32, Element::b32}, {Type::b64, Element::b64},
                          {Type::f16, Element::f16},  {Type::f32, Element::f32}, {Type::f64, Element::f64},
                          {Type::bf16, Element::bf16}};
  for (const Row& row : rows)
    if (instruction.modifiers.type == row.type)
      return reduction(static_cast<Reduce>(operation_of(emitter, instruction)), row.element);
  emitter.unsupported(instruction);
}

namespace {

// The mbarrier operand of a copy that completes on one; its address is in the space of the destination.
Value* barrier_of(Emitter& emitter, const Operand& operand) {
  Value* barrier = emitter.address_of(operand, Space::shared);
  barrier = emitter.checked(barrier, mbarrier_asked(Space::shared));
  emitter.require_aligned(barrier, 8);
  return barrier;
}

bool completes_on_mbarrier(const ptx::Modifiers& modifiers) { return modifiers.has("mbarrier::complete_tx::bytes"); }

// One value of `type` per lane in memory; returns its address for one lane.
class InMemory {
 public:
  InMemory(Emitter& emitter, const ptx::Instruction& instruction, const Operand& operand) : emitter_(emitter) {
    const auto& modifiers = instruction.modifiers;
    unsigned count = modifiers.vector;
    bytes_ = ptx::bits(modifiers.type) / 8;
    for (unsigned i = 0; i < count; ++i)
      values_.push_back(emitter.read(count == 1 ? operand : operand.elements.at(i), modifiers.type));
    slot_ = emitter.scratch(llvm::ArrayType::get(emitter.ir.getIntNTy(bytes_ * 8), count));
  }
  unsigned bytes() const { return bytes_ * static_cast<unsigned>(values_.size()); }
  Value* at(Value* lane) const {
    auto& ir = emitter_.ir;
    for (unsigned i = 0; i < values_.size(); ++i)
      ir.CreateStore(emitter_.element(values_[i], lane), ir.CreateConstGEP1_32(ir.getInt8Ty(), slot_, i * bytes_));
    return ir.CreatePtrToInt(slot_, ir.getInt64Ty());
  }

 private:
  Emitter& emitter_;
  unsigned bytes_;
  std::vector<Value*> values_;
  llvm::AllocaInst* slot_;
};

}  // namespace

void emit_bulk_copy(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  auto spaces = spaces_of(modifiers);
  size_t next = 3;
  if (spaces.size() != 2 || instruction.operands.size() < next) emitter.unsupported(instruction);
  if (modifiers.has("ignore_oob")) emitter.unsupported(instruction);
  Value* to = emitter.address_of(instruction.operands[0], spaces[0]);
  Value* from = emitter.address_of(instruction.operands[1], spaces[1]);
  Value* size = emitter.read(instruction.operands[2], Type::u32);
  constexpr unsigned unit = 16;  // "must be aligned to 16 bytes", and the size a multiple of it
  emitter.require_aligned(to, unit);
  emitter.require_aligned(from, unit);
  emitter.require_aligned(size, unit);
  Value *barrier = ir.getInt64(0), *blocks = ir.getInt32(0), *chunks = ir.getInt32(0xffff);
  if (completes_on_mbarrier(modifiers)) barrier = barrier_of(emitter, instruction.operands.at(next++));
  if (modifiers.has("multicast::cluster")) blocks = emitter.read(instruction.operands.at(next++), Type::u16);
  if (modifiers.has("L2::cache_hint")) ++next;
  if (modifiers.has("cp_mask")) chunks = emitter.read(instruction.operands.at(next++), Type::u16);
  auto word = [&](Value* value, Value* lane) { return ir.CreateZExt(emitter.element(value, lane), ir.getInt32Ty()); };
  uint32_t how = modifiers.has("reduce") ? reduction_of(emitter, instruction) : 0;
  emitter.each_active_lane([&](Value* lane) {
    auto at = [&](Value* value) { return emitter.element(value, lane); };
    if (how)
      emitter.hook("outboard_bulk_reduce", ir.getVoidTy(),
                   {emitter.warp(), at(to), at(from), at(size), at(barrier), ir.getInt32(how)});
    else
      emitter.hook("outboard_bulk_copy", ir.getVoidTy(),
                   {emitter.warp(), at(to), at(from), at(size), at(barrier), word(blocks, lane), word(chunks, lane)});
  });
}

void emit_store_async(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  Value* to = emitter.address_of(instruction.operands[0], modifiers.space);
  InMemory value(emitter, instruction, instruction.operands.at(1));
  emitter.require_aligned(to, value.bytes());
  Value* barrier = completes_on_mbarrier(modifiers) ? barrier_of(emitter, instruction.operands.at(2)) : ir.getInt64(0);
  emitter.each_active_lane([&](Value* lane) {
    emitter.hook("outboard_bulk_copy", ir.getVoidTy(),
                 {emitter.warp(), emitter.element(to, lane), value.at(lane), ir.getInt32(value.bytes()),
                  emitter.element(barrier, lane), ir.getInt32(0), ir.getInt32(0xffff)});
  });
}

void emit_reduce_async(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  uint32_t how = reduction_of(emitter, instruction);
  Value* to = emitter.address_of(instruction.operands[0], modifiers.space);
  InMemory value(emitter, instruction, instruction.operands.at(1));
  emitter.require_aligned(to, value.bytes());
  Value* barrier = completes_on_mbarrier(modifiers) ? barrier_of(emitter, instruction.operands.at(2)) : ir.getInt64(0);
  emitter.each_active_lane([&](Value* lane) {
    emitter.hook("outboard_bulk_reduce", ir.getVoidTy(),
                 {emitter.warp(), emitter.element(to, lane), value.at(lane), ir.getInt32(value.bytes()),
                  emitter.element(barrier, lane), ir.getInt32(how)});
  });
}

}  // namespace software
