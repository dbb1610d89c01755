// Where the elements of matrices lie in the registers of a warp (PTX ISA, "Matrix Fragments for mma.m16n8k16" and its
// kin): four lanes share a row of A and a column of B, each holding one register of consecutive elements; further
// registers lie 8 rows below, then to the right.
#include "device/software/reference/matrix.h"

namespace reference {
namespace {

using ptx::Operand;
using ptx::Type;

const Operand& piece(const Operand& operand, unsigned i) {
  return operand.kind == Operand::vector ? operand.elements.at(i) : operand;
}
Type word_type(unsigned bits) { return bits == 64 ? Type::b64 : Type::b32; }
unsigned parts_of(unsigned bits) { return bits >= 32 ? 1 : 32 / bits; }  // elements in a register

}  // namespace

uint64_t Fragments::word(size_t operand, unsigned lane, unsigned reg, unsigned bits) const {
  Thread* thread = lanes[lane];
  return thread->read(piece(thread->instruction().operands.at(operand), reg), word_type(bits));
}
void Fragments::set_word(size_t operand, unsigned lane, unsigned reg, uint64_t value, unsigned bits) const {
  Thread* thread = lanes[lane];
  thread->write(piece(thread->instruction().operands.at(operand), reg), value, word_type(bits));
}
unsigned Fragments::registers(size_t operand) const {
  const Operand& first = lanes[0]->instruction().operands.at(operand);
  return first.kind == Operand::vector ? static_cast<unsigned>(first.elements.size()) : 1;
}

Matrix Fragments::a(size_t operand, unsigned first, unsigned m, unsigned k, unsigned bits) const {
  Matrix matrix(m, k);
  unsigned parts = parts_of(bits), step = 4 * parts;
  for (unsigned row = 0; row < m; ++row)
    for (unsigned column = 0; column < k; ++column) {
      unsigned lane = row % 8 * 4 + column % step / parts, reg = row / 8 + m / 8 * (column / step);
      matrix.at(row, column) = cut(word(operand, lane, first + reg, bits) >> column % parts * bits, bits);
    }
  return matrix;
}

Matrix Fragments::b(size_t operand, unsigned first, unsigned k, unsigned bits) const {
  Matrix matrix(k, 8);
  unsigned parts = parts_of(bits), step = 4 * parts;
  for (unsigned row = 0; row < k; ++row)
    for (unsigned column = 0; column < 8; ++column) {
      unsigned lane = column * 4 + row % step / parts, reg = row / step;
      matrix.at(row, column) = cut(word(operand, lane, first + reg, bits) >> row % parts * bits, bits);
    }
  return matrix;
}

// C and D: a lane holds two neighbours of a row, and the same 8 rows below.
Matrix Fragments::sums(size_t operand, unsigned first, unsigned m, Type type) const {
  Matrix matrix(m, 8);
  unsigned bits = type == Type::f64 ? 64 : 32;
  for (unsigned row = 0; row < m; ++row)
    for (unsigned column = 0; column < 8; ++column) {
      unsigned place = row / 8 * 2 + column % 2, lane = row % 8 * 4 + column / 2;
      matrix.at(row, column) = type == Type::f16 ? cut(word(operand, lane, first + place / 2) >> place % 2 * 16, 16)
                                                 : word(operand, lane, first + place, bits);
    }
  return matrix;
}

void Fragments::set_sums(size_t operand, unsigned first, const Matrix& matrix, Type type) const {
  unsigned bits = type == Type::f64 ? 64 : 32;
  for (unsigned row = 0; row < matrix.rows; ++row)
    for (unsigned column = 0; column < 8; column += 2) {
      unsigned lane = row % 8 * 4 + column / 2, half = row / 8;
      uint64_t low = *matrix.at(row, column), high = *matrix.at(row, column + 1);
      if (type == Type::f16) {
        set_word(operand, lane, first + half, low | high << 16);
        continue;
      }
      set_word(operand, lane, first + 2 * half, low, bits);
      set_word(operand, lane, first + 2 * half + 1, high, bits);
    }
}

// Of four neighbours two are kept; two bits each say which. A neighbour is an element of 16 bits, half an element of 32
// or a byte of smaller ones. One lane of four, or several, hold the metadata: for 16 bits a word describes 16
// neighbours of a row and of the one 8 below, for bytes 32 neighbours of a row.
Matrix Fragments::expanded(const Matrix& kept, unsigned bits, size_t metadata, unsigned selector) const {
  Matrix whole(kept.rows, 2 * kept.columns);
  bool halves = bits >= 16;
  unsigned unit = halves ? 16 : 8, units = kept.columns * bits / unit;
  unsigned words = halves ? units / 8 : units / 16, holders = halves ? words : 2 * words;
  for (unsigned row = 0; row < kept.rows; ++row)
    for (unsigned column = 0; column < kept.columns; ++column) {
      unsigned place = column * bits / unit, group = place / 2;
      unsigned holder = halves ? group / 4 : group / 8 * 2 + row / 8;
      unsigned shift = 4 * (halves ? group % 4 + row / 8 * 4 : group % 8) + 2 * (place % 2);
      uint64_t held = word(metadata, row % 8 * 4 + (selector * holders + holder) % 4, 0);
      unsigned chosen = 4 * group + static_cast<unsigned>(held >> shift & 3);
      unsigned at = bits == 32 ? chosen / 2 : chosen * unit / bits + (bits < 8 ? column % 2 : 0);
      whole.at(row, at) = kept.at(row, column);
    }
  return whole;
}

}  // namespace reference
