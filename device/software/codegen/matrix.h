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

// Where the registers of an operand lie in memory, 32 lanes each: where the emitter keeps them, so that nothing is
// moved, or for those that are no vectors in their area.
Registers sources(Emitter& emitter, const ptx::Operand& operand, size_t count, unsigned area, unsigned bits);

// Where results go: the registers themselves, unless a guard or another operand forbids it.
struct Results {
  Results(Emitter& emitter, const ptx::Instruction& instruction, unsigned area, unsigned bits, const Registers& a,
          const Registers& b, const Registers& c);
  void keep();  // behind the products: those that went elsewhere

  Emitter& emitter;
  const ptx::Operand& operand;
  unsigned bits;
  Registers at;
  bool elsewhere = false;
};
Registers part(const Registers& registers, size_t first, size_t count);
// Registers that lie one after the other.
Registers consecutive(Emitter& emitter, llvm::Value* memory, size_t count, unsigned bits);

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
