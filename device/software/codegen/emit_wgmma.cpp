// wgmma (PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate Instructions"). A warpgroup is four warps;
// each computes sixteen of the 64 rows, at once where the instruction stands, which is a legal moment for an
// asynchronous product. That all four have done so is what wait_group waits for: a program takes it as leave to reuse
// the memory.
#include <cstddef>

#include "device/software/codegen/matrix.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Instruction;
using ptx::Type;

// A matrix in shared memory, named by a descriptor (PTX ISA, "Matrix Descriptor Format"): 16-byte pieces, eight lines
// of which make a core matrix. K-major: a line is a row of A or a column of B, its pieces go along k. MN-major: a piece
// holds eight rows or columns at one k.
struct Descriptor {
  llvm::IRBuilder<>& ir;
  Value* bits;
  Value *start, *leading, *stride, *pattern_start, *mode, *line_shift, *swizzle;

  Descriptor(llvm::IRBuilder<>& builder, Value* descriptor) : ir(builder), bits(descriptor) {
    start = bytes(0);
    leading = bytes(16);
    stride = bytes(32);
    pattern_start = field(49, 7);
    mode = field(62, 3);  // 0: none; 1, 2, 3: pieces permuted within 128, 64, 32 bytes
    Value* plain = ir.CreateICmpEQ(mode, ir.getInt64(0));
    line_shift = ir.CreateSelect(plain, ir.getInt64(4), ir.CreateSub(ir.getInt64(8), mode));  // a line has 2^this bytes
    swizzle = ir.CreateSub(ir.CreateShl(ir.getInt64(1), line_shift), ir.getInt64(16));  // the bits that are permuted
  }
  Value* field(unsigned first, uint64_t mask) { return ir.CreateAnd(ir.CreateLShr(bits, first), mask); }
  Value* bytes(unsigned first) { return ir.CreateShl(field(first, 0x3fff), 4); }
  Value* swizzled() { return ir.CreateICmpNE(mode, ir.getInt64(0)); }

  // The piece at `offset` from the start, its bits 4 to 6 changed by bits 7 to 9.
  Value* pointer(Value* shared, Value* offset) {
    Value* address = ir.CreateAdd(start, offset);
    Value* line = ir.CreateSub(ir.CreateLShr(address, 7), pattern_start);
    address = ir.CreateXor(address, ir.CreateAnd(ir.CreateShl(line, 4), swizzle));
    return ir.CreateIntToPtr(ir.CreateAdd(shared, address), ir.getPtrTy());
  }
  Value* k_major(Value* shared, Value* group, unsigned line, unsigned piece) {
    Value* along = ir.CreateMul(ir.getInt64(piece), ir.CreateSelect(swizzled(), ir.getInt64(16), leading));
    Value* across = ir.CreateAdd(ir.CreateMul(group, stride), ir.CreateShl(ir.getInt64(line), line_shift));
    return pointer(shared, ir.CreateAdd(across, along));
  }
  Value* mn_major(Value* shared, Value* group, unsigned k) {
    Value* shift = ir.CreateSub(line_shift, ir.getInt64(4));
    Value* low = ir.CreateSub(group, ir.CreateShl(ir.CreateLShr(group, shift), shift));
    Value* across = ir.CreateSelect(
        swizzled(), ir.CreateAdd(ir.CreateShl(low, 4), ir.CreateMul(ir.CreateLShr(group, shift), leading)),
        ir.CreateMul(group, stride));
    Value* along = ir.CreateAdd(ir.CreateShl(ir.getInt64(k % 8), line_shift),
                                ir.CreateMul(ir.getInt64(k / 8), ir.CreateSelect(swizzled(), stride, leading)));
    return pointer(shared, ir.CreateAdd(across, along));
  }
};

struct Wgmma {
  Emitter& emitter;
  const Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  llvm::IRBuilder<>& ir = emitter.ir;
  MatrixShape shape = matrix_shape(modifiers);
  ProductKind kind{};

  const ptx::Operand& operand(size_t i) const {  // 0 and 1 are D, which is read and written
    if (i >= instruction.operands.size()) emitter.unsupported(instruction, "an operand is missing");
    return instruction.operands[i];
  }
  int64_t number(size_t i, int64_t otherwise) const {
    if (i >= instruction.operands.size()) return otherwise;
    if (instruction.operands[i].kind != ptx::Operand::integer)
      emitter.unsupported(instruction, "a number must be constant");
    return instruction.operands[i].value;
  }
  bool a_in_registers() const { return operand(2).kind == ptx::Operand::vector; }

  void find_kind() {
    kind.m = 16;
    kind.k = shape.k;
    kind.sparse = modifiers.has("sp");
    kind.saturating = modifiers.has("satfinite");
    kind.bit_product = modifiers.has("and") ? BitProduct::and_ : BitProduct::none;
    const auto& types = modifiers.types;
    bool known = shape.m == 64 && shape.n % 8 == 0 && shape.n >= 8 && shape.n <= 256 && types.size() == 3 &&
                 add_types(kind, {types[0], types[1], types[2], types[0]}) && kind.a.type != Type::f64 &&
                 kind.a.bits != 4 && kind.tiles() == 2 &&
                 (kind.a.type == Type::b1) == (kind.bit_product != BitProduct::none);
    if (!known) emitter.unsupported(instruction);
    if (piece_count(operand(0)) != shape.n / 8 * kind.d_registers() ||
        (a_in_registers() && piece_count(operand(2)) != kind.a_registers()))
      emitter.unsupported(instruction, "its operands do not have the registers of this shape");
  }

  // A function that brings eight rows or columns from shared memory: (words, shared memory, descriptor, which eight).
  // Register i of them becomes register i * step of `words`.
  llvm::Function* fetching(unsigned registers, unsigned step, bool mn_major) {
    std::string name = "matrix.fetch." + std::to_string(registers) + std::to_string(step) + (mn_major ? ".mn" : ".k");
    if (llvm::Function* made = emitter.module().getFunction(name)) return made;
    auto* type = llvm::FunctionType::get(ir.getVoidTy(),
                                         {ir.getPtrTy(), ir.getInt64Ty(), ir.getInt64Ty(), ir.getInt64Ty()}, false);
    auto* made = llvm::Function::Create(type, llvm::Function::InternalLinkage, name, emitter.module());
    made->addFnAttr(llvm::Attribute::NoUnwind);
    made->addFnAttr(llvm::Attribute::NoInline);
    llvm::IRBuilder<> body(llvm::BasicBlock::Create(ir.getContext(), "entry", made));
    Descriptor descriptor(body, made->getArg(2));
    auto* piece_type = FixedVectorType::get(body.getInt16Ty(), 8);
    for (unsigned reg = 0; reg < registers; ++reg) {
      std::array<Value*, 8> lines{};
      for (unsigned i = 0; i < 8; ++i) {
        Value* at = mn_major ? descriptor.mn_major(made->getArg(1), made->getArg(3), 8 * reg + i)
                             : descriptor.k_major(made->getArg(1), made->getArg(3), i, reg);
        lines[i] = body.CreateAlignedLoad(piece_type, at, llvm::Align(16));
      }
      if (mn_major) transpose(body, lines);
      for (unsigned i = 0; i < 8; ++i)
        body.CreateAlignedStore(lines[i], body.CreateConstGEP1_64(piece_type, made->getArg(0), 8 * reg * step + i),
                                llvm::Align(16));
    }
    body.CreateRetVoid();
    return made;
  }

  Value* scalar(Value* value) { return Emitter::varying(value) ? ir.CreateExtractElement(value, uint64_t{0}) : value; }
  Value* shared_memory() { return emitter.shared_memory(); }

  Registers bring_a(bool mn_major, bool negative) {
    Value* words = emitter.area(area_a);
    Registers registers = consecutive(emitter, words, kind.a_registers(), 32);
    auto* type = FixedVectorType::get(ir.getInt32Ty(), lanes);
    if (a_in_registers()) {
      registers = sources(emitter, operand(2), kind.a_registers(), area_a, 32);
    } else {
      Value* descriptor = scalar(emitter.read(operand(2), Type::b64));
      Value* warp = ir.CreateAnd(emitter.warp_field(offsetof(Warp, warp_index), ir.getInt32Ty()), 3);
      for (unsigned half : {0u, 1u}) {
        Value* group = ir.CreateZExt(ir.CreateAdd(ir.CreateShl(warp, 1), ir.getInt32(half)), ir.getInt64Ty());
        ir.CreateCall(fetching(kind.tiles(), 2, mn_major),
                      {ir.CreateConstGEP1_64(type, words, half), shared_memory(), descriptor, group});
      }
    }
    if (!negative) return registers;
    uint64_t signs = kind.a.bits == 8 ? 0x80808080 : kind.a.bits == 16 ? 0x80008000 : 0x80000000;
    for (unsigned i = 0; i < kind.a_registers(); ++i) {
      Value *at = ir.CreateConstGEP1_64(type, words, i), *old = ir.CreateLoad(type, registers[i]);
      ir.CreateStore(ir.CreateXor(old, emitter.like(old, signs)), at);
      registers[i] = at;
    }
    return registers;
  }

  void multiply() {
    find_kind();
    size_t at = kind.sparse ? 6 : 4;  // scale-d and what follows
    bool negative = number(at + 1, 1) * number(at + 2, 1) < 0;
    size_t transposed = at + 3;
    bool a_mn = !a_in_registers() && number(transposed, 0) != 0, b_mn = number(transposed + !a_in_registers(), 0) != 0;
    if ((a_mn || b_mn) && kind.a.bits != 16) emitter.unsupported(instruction, "only 16-bit matrices can be transposed");
    MatrixProduct product(emitter, kind);
    product.spread(emitter.area(area_terms), bring_a(a_mn, negative));
    Value* places = nullptr;
    if (kind.sparse) {
      places = emitter.area(area_places);
      product.place_terms(places, emitter.splat(emitter.read(piece(operand(4), 0), Type::b32)),
                          static_cast<unsigned>(number(5, 0)) & 3);
    }
    Value* adds = scalar(emitter.read_predicate(operand(at)));
    Value *descriptor = scalar(emitter.read(operand(3), Type::b64)), *zeros = emitter.area(area_c);
    auto* type = FixedVectorType::get(ir.getInt32Ty(), lanes);
    ir.CreateStore(llvm::Constant::getNullValue(type), zeros);
    Registers b = consecutive(emitter, emitter.area(area_b), kind.b_registers(), 32);
    Registers c = sources(emitter, operand(1), piece_count(operand(1)), area_scales, 32);
    Results d(emitter, instruction, area_d, 32, {}, {}, c);
    for (Value*& old : c) old = ir.CreateSelect(adds, old, zeros);
    unsigned in_d = kind.d_registers();
    for (unsigned tile = 0; tile < shape.n / 8; ++tile) {
      ir.CreateCall(fetching(kind.b_registers(), 1, b_mn), {b[0], shared_memory(), descriptor, ir.getInt64(tile)});
      product.multiply(part(d.at, tile * in_d, in_d), emitter.area(area_terms), b, part(c, tile * in_d, in_d), places);
    }
    d.keep();
    count_product();
  }

  void count_product() {
    Value* at = ir.CreateConstGEP1_64(ir.getInt8Ty(), emitter.warp(), offsetof(Warp, products));
    ir.CreateStore(ir.CreateAdd(ir.CreateLoad(ir.getInt32Ty(), at), ir.getInt32(1)), at);
  }
};

}  // namespace

void emit_wgmma(Emitter& emitter, const Instruction& instruction) {
  const ptx::Modifiers& modifiers = instruction.modifiers;
  if (modifiers.has("mma_async")) return Wgmma{emitter, instruction}.multiply();
  if (modifiers.has("wait_group"))
    return void(emitter.hook("outboard_warpgroup_wait", emitter.ir.getVoidTy(), {emitter.warp()}));
  if (!modifiers.has("fence") && !modifiers.has("commit_group")) emitter.unsupported(instruction);
}

}  // namespace software
