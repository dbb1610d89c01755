// Instructions on small matrices whose elements lie spread over a warp (PTX ISA, "Warp Level Matrix
// Multiply-Accumulate Instructions"): which file knows which, and what they share.
#include <algorithm>
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

Registers consecutive(Emitter& emitter, Value* memory, size_t count, unsigned bits) {
  auto* type = FixedVectorType::get(emitter.ir.getIntNTy(bits), lanes);
  Registers registers;
  for (size_t i = 0; i < count; ++i) registers.push_back(emitter.ir.CreateConstGEP1_64(type, memory, i));
  return registers;
}

Registers part(const Registers& registers, size_t first, size_t count) {
  auto begin = registers.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

namespace {

ptx::Type held(unsigned bits) { return bits == 64 ? ptx::Type::b64 : ptx::Type::b32; }

// The emitter's own place of a register that is a vector; nullptr: it is none.
Value* own_place(Emitter& emitter, const Operand& operand, Value* words, unsigned bits) {
  auto* load = llvm::dyn_cast<llvm::LoadInst>(words);
  bool vector = operand.kind == Operand::reg && !operand.negated && load &&
                load->getType() == FixedVectorType::get(emitter.ir.getIntNTy(bits), lanes);
  return vector && llvm::isa<llvm::AllocaInst>(load->getPointerOperand()) ? load->getPointerOperand() : nullptr;
}

}  // namespace

Registers sources(Emitter& emitter, const Operand& operand, size_t count, unsigned area, unsigned bits) {
  auto* type = FixedVectorType::get(emitter.ir.getIntNTy(bits), lanes);
  Registers registers;
  for (size_t i = 0; i < count; ++i) {
    Value* words = emitter.read(piece(operand, i), held(bits));
    if (Value* own = own_place(emitter, piece(operand, i), words, bits)) {
      registers.push_back(own);
      continue;
    }
    bool fits = (i + 1) * lanes * bits / 8 <= 4096;
    Value* place = fits ? emitter.ir.CreateConstGEP1_64(type, emitter.area(area), i) : emitter.scratch(type);
    emitter.ir.CreateStore(emitter.splat(words), place);
    registers.push_back(place);
  }
  return registers;
}

// The whole warp executes an instruction on matrices (.aligned), so that no lane's old value need be kept.
Results::Results(Emitter& emitter, const ptx::Instruction& instruction, unsigned area, unsigned bits,
                 const Registers& a, const Registers& b, const Registers& c)
    : emitter(emitter), operand(instruction.operands[0]), bits(bits) {
  elsewhere = instruction.guard.reg >= 0 && instruction.opcode == Opcode::mma;
  for (size_t i = 0; i < piece_count(operand) && !elsewhere; ++i) {
    Value* own = own_place(emitter, piece(operand, i), emitter.read(piece(operand, i), held(bits)), bits);
    auto is_in = [&](const Registers& list) { return std::find(list.begin(), list.end(), own) != list.end(); };
    bool again = std::find(at.begin(), at.end(), own) != at.end();
    bool same_place = i < c.size() && c[i] == own && std::count(c.begin(), c.end(), own) == 1;
    elsewhere = !own || again || is_in(a) || is_in(b) || (is_in(c) && !same_place);
    at.push_back(own);
  }
  if (!elsewhere) return;
  at.clear();
  auto* type = FixedVectorType::get(emitter.ir.getIntNTy(bits), lanes);
  for (size_t i = 0; i < piece_count(operand); ++i) {
    bool fits = (i + 1) * lanes * bits / 8 <= 4096;
    at.push_back(fits ? emitter.ir.CreateConstGEP1_64(type, emitter.area(area), i) : emitter.scratch(type));
  }
}

void Results::keep() {
  if (!elsewhere) return;
  auto* type = FixedVectorType::get(emitter.ir.getIntNTy(bits), lanes);
  for (size_t i = 0; i < at.size(); ++i)
    emitter.write(piece(operand, i), emitter.ir.CreateLoad(type, at[i]), held(bits));
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
