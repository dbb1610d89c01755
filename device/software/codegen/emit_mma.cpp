// mma and mma.sp (PTX ISA, "Multiply-and-Accumulate Instruction: mma", "... mma.sp").
#include "device/software/codegen/matrix.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Instruction;
using ptx::Type;

bool is_sparse(const ptx::Modifiers& modifiers) { return modifiers.has("sp") || modifiers.has("sp::ordered_metadata"); }

unsigned scale_blocks(const ptx::Modifiers& modifiers) {
  if (!modifiers.has("block_scale")) return 0;
  if (modifiers.has("scale_vec::4X")) return 4;
  if (modifiers.has("scale_vec::2X")) return 2;
  return modifiers.has("kind::mxf8f6f4") ? 1 : 2;
}

struct Mma {
  Emitter& emitter;
  const Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  llvm::IRBuilder<>& ir = emitter.ir;
  ProductKind kind{};

  const ptx::Operand& operand(size_t i) const {
    if (i >= instruction.operands.size()) emitter.unsupported(instruction, "an operand is missing");
    return instruction.operands[i];
  }

  void find_kind() {
    MatrixShape shape = matrix_shape(modifiers);
    kind.m = shape.m;
    kind.k = shape.k;
    kind.sparse = is_sparse(modifiers);
    kind.packed = modifiers.has("kind::mxf4") || modifiers.has("kind::mxf4nvf4");
    kind.saturating = modifiers.has("satfinite");
    kind.bit_product = modifiers.has("and")   ? BitProduct::and_
                       : modifiers.has("xor") ? BitProduct::xor_
                                              : BitProduct::none;
    kind.blocks = scale_blocks(modifiers);
    bool known = shape.n == 8 && add_types(kind, modifiers.types);
    if (!known || (kind.a.type == Type::b1) != (kind.bit_product != BitProduct::none)) emitter.unsupported(instruction);
    bool counts = piece_count(operand(0)) == kind.d_registers() && piece_count(operand(1)) == kind.a_registers() &&
                  piece_count(operand(2)) == kind.b_registers() && piece_count(operand(3)) == kind.c_registers();
    if (!counts) emitter.unsupported(instruction, "its operands do not have the registers of this shape");
  }

  // The scales of rows or columns `first` to + 7, one word each: {byte, lane of four} picks them.
  Value* scales_of(size_t data, unsigned lanes_per_row, unsigned half, unsigned count) {
    Value* words = emitter.splat(emitter.read(piece(operand(data), 0), Type::b32));
    auto selector = [&](size_t i) {
      Value* value = emitter.read(piece(operand(data + 1), i), Type::b32);
      return Emitter::varying(value) ? ir.CreateExtractElement(value, uint64_t{0}) : value;
    };
    if (piece_count(operand(data + 1)) != 2) emitter.unsupported(instruction, "a selector of scales has two numbers");
    Value* lane = ir.CreateAnd(ir.CreateMul(selector(1), ir.getInt32(lanes_per_row)), 3);
    lane = ir.CreateAdd(lane, ir.getInt32(half));
    Value* memory = emitter.area(area_scales);
    ir.CreateStore(words, memory);
    auto* type = FixedVectorType::get(ir.getInt32Ty(), count);
    Value* picked = llvm::PoisonValue::get(type);
    for (unsigned i = 0; i < count; ++i) {
      unsigned row = count == 8 && lanes_per_row == 1 ? MatrixProduct::column_at(i) : i;
      Value* at = ir.CreateGEP(ir.getInt32Ty(), memory, ir.CreateAdd(lane, ir.getInt32(4 * row)));
      picked = ir.CreateInsertElement(picked, ir.CreateLoad(ir.getInt32Ty(), at), i);
    }
    Value* byte = ir.CreateShl(ir.CreateAnd(selector(0), 3), 3);
    return ir.CreateLShr(picked, ir.CreateVectorSplat(count, byte));
  }

  // A's: two lanes of four hold rows of the upper and of the lower half. B's: one lane a column.
  Value* scale(MatrixProduct& product, size_t first) {
    Type type = modifiers.types.back();
    if (type != Type::ue8m0 && type != Type::ue4m3) emitter.unsupported(instruction);
    Value *upper = scales_of(first, 2, 0, 8), *lower = scales_of(first, 2, 1, 8);
    std::vector<int> both(16);
    for (int i = 0; i < 16; ++i) both[static_cast<size_t>(i)] = i;
    product.scale_terms(emitter.area(area_terms), ir.CreateShuffleVector(upper, lower, both), type);
    Value *columns = scales_of(first + 2, 1, 0, 8), *memory = emitter.area(area_scales);
    for (unsigned block = 0; block < kind.blocks; ++block) {
      Value* values = product.scale_of(ir.CreateLShr(columns, emitter.like(columns, 8 * block)), type);
      ir.CreateStore(values, ir.CreateConstGEP1_64(values->getType(), memory, block));
    }
    return memory;
  }

  void run() {
    find_kind();
    unsigned bits = kind.a.bits == 64 ? 64 : 32;
    Registers a = sources(emitter, operand(1), kind.a_registers(), area_a, bits);
    Registers b = sources(emitter, operand(2), kind.b_registers(), area_b, bits);
    Registers c = sources(emitter, operand(3), kind.c_registers(), area_c, bits);
    Results d(emitter, instruction, area_d, bits, {}, {}, c);
    MatrixProduct product(emitter, kind);
    product.spread(emitter.area(area_terms), a);
    Value *places = nullptr, *scales = nullptr;
    if (kind.sparse) {
      if (operand(5).kind != ptx::Operand::integer) emitter.unsupported(instruction, "a selector that is no constant");
      places = emitter.area(area_places);
      Value* metadata = emitter.splat(emitter.read(piece(operand(4), 0), Type::b32));
      product.place_terms(places, metadata, static_cast<unsigned>(operand(5).value) & 3);
    }
    if (kind.blocks) scales = scale(product, kind.sparse ? 6 : 4);
    product.multiply(d.at, emitter.area(area_terms), b, c, places, scales);
    d.keep();
  }
};

}  // namespace

void emit_mma(Emitter& emitter, const Instruction& instruction) {
  MatrixShape shape = matrix_shape(instruction.modifiers);
  bool quads = shape.m == 8 && shape.k == 4 && instruction.modifiers.has("f16");
  if (quads) return emit_mma_of_quads(emitter, instruction);
  Mma{emitter, instruction}.run();
}

}  // namespace software
