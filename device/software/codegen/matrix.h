// What the instructions on matrices share: their words, and their registers in memory.
#pragma once
#include "device/software/codegen/matrix_product.h"

namespace software {

struct MatrixShape {
  unsigned m = 0, n = 0, k = 0;
};
// Of the word m16n8k16 and its like, also of m8n8 and m16n16 (ldmatrix); zeros: there is none.
MatrixShape matrix_shape(const ptx::Modifiers& modifiers);

// Elements of a vector operand, or the operand itself.
size_t piece_count(const ptx::Operand& operand);
const ptx::Operand& piece(const ptx::Operand& operand, size_t i);

// Registers of all lanes, one after the other, as the functions of matrix_product.h have them.
void registers_to_memory(Emitter& emitter, const ptx::Operand& operand, llvm::Value* memory, unsigned bits);
void memory_to_registers(Emitter& emitter, const ptx::Operand& operand, llvm::Value* memory, unsigned bits);

// The areas of the emitter that hold them.
enum MatrixArea : unsigned { area_a, area_b, area_c, area_d, area_terms, area_places, area_scales };

// Eight rows of eight elements of 16 bits become eight columns.
void transpose(llvm::IRBuilder<>& ir, std::array<llvm::Value*, 8>& rows);

// The families, each of one opcode or of opcodes alike.
void emit_mma(Emitter& emitter, const ptx::Instruction& instruction);
void emit_mma_of_quads(Emitter& emitter, const ptx::Instruction& instruction);
void emit_wmma(Emitter& emitter, const ptx::Instruction& instruction);
void emit_wgmma(Emitter& emitter, const ptx::Instruction& instruction);
void emit_ldmatrix(Emitter& emitter, const ptx::Instruction& instruction);
void emit_stmatrix(Emitter& emitter, const ptx::Instruction& instruction);
void emit_movmatrix(Emitter& emitter, const ptx::Instruction& instruction);

}  // namespace software
