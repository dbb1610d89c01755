// Instructions on small matrices whose elements lie spread over a warp (PTX ISA, "Warp Level Matrix
// Multiply-Accumulate Instructions"): which file knows which, and what they share.
#include <cstdio>

#include "device/software/codegen/matrix.h"

namespace software {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Opcode;
using ptx::Operand;

MatrixShape matrix_shape(const ptx::Modifiers& modifiers) {
  for (const std::string& word : modifiers.words) {
    MatrixShape shape;
    if (std::sscanf(word.c_str(), "m%3un%3uk%3u", &shape.m, &shape.n, &shape.k) >= 2) return shape;
  }
  return {};
}

size_t piece_count(const Operand& operand) { return operand.kind == Operand::vector ? operand.elements.size() : 1; }
const Operand& piece(const Operand& operand, size_t i) {
  return operand.kind == Operand::vector ? operand.elements.at(i) : operand;
}

void registers_to_memory(Emitter& emitter, const Operand& operand, Value* memory, unsigned bits) {
  auto& ir = emitter.ir;
  auto* type = FixedVectorType::get(ir.getIntNTy(bits), lanes);
  for (size_t i = 0; i < piece_count(operand); ++i) {
    Value* words = emitter.splat(emitter.read(piece(operand, i), bits == 64 ? ptx::Type::b64 : ptx::Type::b32));
    ir.CreateStore(words, ir.CreateConstGEP1_64(type, memory, i));
  }
}

void memory_to_registers(Emitter& emitter, const Operand& operand, Value* memory, unsigned bits) {
  auto& ir = emitter.ir;
  auto* type = FixedVectorType::get(ir.getIntNTy(bits), lanes);
  for (size_t i = 0; i < piece_count(operand); ++i) {
    Value* words = ir.CreateLoad(type, ir.CreateConstGEP1_64(type, memory, i));
    emitter.write(piece(operand, i), words, bits == 64 ? ptx::Type::b64 : ptx::Type::b32);
  }
}

void transpose(llvm::IRBuilder<>& ir, std::array<Value*, 8>& rows) {
  static constexpr int low[] = {0, 8, 1, 9, 2, 10, 3, 11}, high[] = {4, 12, 5, 13, 6, 14, 7, 15};
  for (int stage = 0; stage < 3; ++stage) {  // each puts neighbours of 1, 2, 4 rows beside one another
    std::array<Value*, 8> next{};
    for (unsigned i = 0; i < 4; ++i) {
      next[2 * i] = ir.CreateShuffleVector(rows[i], rows[i + 4], low);
      next[2 * i + 1] = ir.CreateShuffleVector(rows[i], rows[i + 4], high);
    }
    rows = next;
  }
}

bool emit_matrix(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::mma: emit_mma(emitter, instruction); return true;
    case Opcode::wmma: emit_wmma(emitter, instruction); return true;
    case Opcode::wgmma: emit_wgmma(emitter, instruction); return true;
    case Opcode::ldmatrix: emit_ldmatrix(emitter, instruction); return true;
    case Opcode::stmatrix: emit_stmatrix(emitter, instruction); return true;
    case Opcode::movmatrix: emit_movmatrix(emitter, instruction); return true;
    case Opcode::tcgen05:
      emitter.unsupported(instruction, "it works on tensor memory, which the software GPU does not have");
    default: return false;
  }
}

}  // namespace software
