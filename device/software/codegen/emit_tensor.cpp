// Copies of tensor tiles and changes of tensor maps (PTX ISA, "cp.async.bulk.tensor", "tensormap.replace").
#include <cstddef>

#include "device/software/codegen/copies.h"
#include "device/software/codegen/emitter.h"
#include "device/software/run/tensor_copy.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Operand;
using ptx::Space;
using ptx::Type;

// A TensorCopy that is filled in for one lane after the other.
class Description {
 public:
  explicit Description(Emitter& emitter) : emitter_(emitter) {
    slot_ = emitter.scratch(llvm::ArrayType::get(emitter.ir.getInt64Ty(), (sizeof(TensorCopy) + 7) / 8));
  }
  void set(size_t offset, Value* value) { fields_.push_back({static_cast<unsigned>(offset), value}); }
  Value* at(Value* lane) const {
    auto& ir = emitter_.ir;
    ir.CreateMemSet(slot_, ir.getInt8(0), sizeof(TensorCopy), llvm::MaybeAlign(8));
    for (const Field& field : fields_)
      ir.CreateStore(emitter_.element(field.value, lane), ir.CreateConstGEP1_32(ir.getInt8Ty(), slot_, field.offset));
    return slot_;
  }

 private:
  struct Field {
    unsigned offset;
    Value* value;
  };
  Emitter& emitter_;
  llvm::AllocaInst* slot_;
  std::vector<Field> fields_;
};

// [map, {coordinates}]
void set_tensor(Emitter& emitter, Description& description, const ptx::Instruction& instruction,
                const Operand& operand) {
  description.set(offsetof(TensorCopy, map), emitter.address_of(operand, Space::none));
  if (operand.elements.size() != 1) emitter.unsupported(instruction, "a tensor without coordinates");
  const Operand& given = operand.elements[0];
  const std::vector<Operand> one{given};
  const auto& coordinates = given.kind == Operand::vector ? given.elements : one;
  if (coordinates.empty() || coordinates.size() > 5) emitter.unsupported(instruction);
  for (size_t i = 0; i < coordinates.size(); ++i)
    description.set(offsetof(TensorCopy, at) + 4 * i, emitter.read(coordinates[i], Type::s32));
  description.set(offsetof(TensorCopy, rank), emitter.ir.getInt32(static_cast<uint32_t>(coordinates.size())));
}

void set_shared(Emitter& emitter, Description& description, const Operand& operand) {
  constexpr unsigned alignment = 128;  // PTX ISA, "cp.async.bulk.tensor": of an address in shared memory
  Value* address = emitter.address_of(operand, Space::shared);
  emitter.require_aligned(address, alignment);
  description.set(offsetof(TensorCopy, shared), address);
}

// Operands behind those that every load has: {, im2colOffsets} {, ctaMask} {, cache-policy}
void set_rest_of_load(Emitter& emitter, Description& description, const ptx::Instruction& instruction) {
  size_t next = 3;
  if (next < instruction.operands.size() && instruction.operands[next].kind == Operand::vector) {
    const auto& offsets = instruction.operands[next++].elements;
    for (size_t i = 0; i < offsets.size() && i < 3; ++i)
      description.set(offsetof(TensorCopy, shift) + 2 * i, emitter.read(offsets[i], Type::u16));
  }
  if (!instruction.modifiers.has("multicast::cluster")) return;
  description.set(offsetof(TensorCopy, blocks), emitter.read(instruction.operands.at(next), Type::u16));
}

}  // namespace

void emit_tensor_copy(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  for (const char* mode : {"tile::gather4", "tile::scatter4", "im2col::w", "im2col::w::128"})
    if (modifiers.has(mode)) emitter.unsupported(instruction);
  auto spaces = spaces_of(modifiers);
  if (spaces.size() != 2 || instruction.operands.size() < 2) emitter.unsupported(instruction);
  bool store = spaces[0] == Space::global;
  Description description(emitter);
  set_shared(emitter, description, instruction.operands[store ? 1 : 0]);
  set_tensor(emitter, description, instruction, instruction.operands[store ? 0 : 1]);
  if (!store) {
    Value* barrier = emitter.address_of(instruction.operands.at(2), Space::shared);
    barrier = emitter.checked(barrier, mbarrier_asked(Space::shared));
    emitter.require_aligned(barrier, 8);
    description.set(offsetof(TensorCopy, barrier), barrier);
    set_rest_of_load(emitter, description, instruction);
  }
  description.set(offsetof(TensorCopy, store), ir.getInt32(store));
  bool im2col = modifiers.has("im2col") || modifiers.has("im2col_no_offs");
  description.set(offsetof(TensorCopy, im2col), ir.getInt16(im2col));
  uint32_t how = modifiers.has("reduce") ? operation_of(emitter, instruction) : 0;
  description.set(offsetof(TensorCopy, how), ir.getInt32(how));
  emitter.each_active_lane([&](Value* lane) {
    emitter.hook("outboard_tensor_copy", ir.getVoidTy(), {emitter.warp(), description.at(lane)});
  });
}

namespace {

TensorField field_of(Emitter& emitter, const ptx::Instruction& instruction) {
  struct Row {
    const char* word;
    TensorField field;
  };
  constexpr Row rows[] = {{"global_address", TensorField::global_address},
                          {"rank", TensorField::rank},
                          {"box_dim", TensorField::box_dim},
                          {"global_dim", TensorField::global_dim},
                          {"global_stride", TensorField::global_stride},
                          {"element_stride", TensorField::element_stride},
                          {"elemtype", TensorField::element_type},
                          {"interleave_layout", TensorField::interleave},
                          {"swizzle_mode", TensorField::swizzle},
                          {"fill_mode", TensorField::fill},
                          {"swizzle_atomicity", TensorField::atomicity}};
  for (const Row& row : rows)
    if (instruction.modifiers.has(row.word)) return row.field;
  emitter.unsupported(instruction);
}

}  // namespace

// tensormap.replace [map], {ordinal,} value and tensormap.cp_fenceproxy [to], [from], 128
void emit_tensormap(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  const auto& modifiers = instruction.modifiers;
  auto spaces = spaces_of(modifiers);
  auto space = [&](size_t i) { return i < spaces.size() ? spaces[i] : Space::none; };
  if (instruction.operands.size() < 2) emitter.unsupported(instruction);
  Value* map = emitter.address_of(instruction.operands[0], space(0));
  if (modifiers.has("cp_fenceproxy")) {
    Value* from = emitter.address_of(instruction.operands[1], space(1));
    emitter.each_active_lane([&](Value* lane) {
      emitter.hook("outboard_bulk_copy", ir.getVoidTy(),
                   {emitter.warp(), emitter.element(map, lane), emitter.element(from, lane), ir.getInt32(128),
                    ir.getInt64(0), ir.getInt32(0), ir.getInt32(0xffff)});
    });
    return;
  }
  auto field = ir.getInt32(static_cast<uint32_t>(field_of(emitter, instruction)));
  size_t last = instruction.operands.size() - 1;
  Value* ordinal = last > 1 ? emitter.read(instruction.operands[1], Type::u32) : ir.getInt32(0);
  Value* value = emitter.read(instruction.operands[last], modifiers.has("b64") ? Type::b64 : Type::b32);
  emitter.each_active_lane([&](Value* lane) {
    Value* wide = ir.CreateZExt(emitter.element(value, lane), ir.getInt64Ty());
    emitter.hook("outboard_tensor_replace", ir.getVoidTy(),
                 {emitter.warp(), emitter.element(map, lane), field, emitter.element(ordinal, lane), wide});
  });
}

}  // namespace software
