// Whole matrices, gathered from the registers of a warp or from memory, and their products as in a textbook.
#pragma once
#include <optional>
#include <vector>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {

struct Matrix {
  Matrix(unsigned row_count, unsigned column_count)
      : rows(row_count), columns(column_count), cells(static_cast<size_t>(row_count) * column_count) {}
  std::optional<uint64_t>& at(unsigned row, unsigned column) { return cells.at(row * columns + column); }
  const std::optional<uint64_t>& at(unsigned row, unsigned column) const { return cells.at(row * columns + column); }

  unsigned rows, columns;
  std::vector<std::optional<uint64_t>> cells;  // an element's bits; none: not there (sparse matrices)
};

struct MatrixTypes {
  ptx::Type d, a, b, c;
  bool saturating = false, and_popc = false;
};

// D = A * B + C. Scales, where there are some: of A one column per block of k, of B one row per block.
Matrix product(const Matrix& a, const Matrix& b, const Matrix& c, const MatrixTypes& types);
Matrix scaled(const Matrix& matrix, ptx::Type type, const Matrix& scales, ptx::Type scale_type, bool by_rows);

struct MatrixShape {
  unsigned m = 0, n = 0, k = 0;
};
MatrixShape matrix_shape(const ptx::Modifiers& modifiers);
unsigned held_bits(ptx::Type type, bool packed = false);  // that an element takes in a register

// The registers of a warp as operands of one instruction.
struct Fragments {
  const std::vector<Thread*>& lanes;

  uint64_t word(size_t operand, unsigned lane, unsigned reg, unsigned bits = 32) const;
  void set_word(size_t operand, unsigned lane, unsigned reg, uint64_t value, unsigned bits = 32) const;
  unsigned registers(size_t operand) const;

  // PTX ISA, "Matrix Fragments for mma.m16n8k16" and its kin. `first`: the register where the matrix starts.
  Matrix a(size_t operand, unsigned first, unsigned m, unsigned k, unsigned bits) const;
  Matrix b(size_t operand, unsigned first, unsigned k, unsigned bits) const;
  Matrix sums(size_t operand, unsigned first, unsigned m, ptx::Type type) const;
  void set_sums(size_t operand, unsigned first, const Matrix& matrix, ptx::Type type) const;
  // A sparse matrix from its kept elements (PTX ISA, "Sparse matrix storage").
  Matrix expanded(const Matrix& kept, unsigned bits, size_t metadata, unsigned selector) const;
};

void execute_mma(const std::vector<Thread*>& lanes);
void execute_wmma(const std::vector<Thread*>& lanes);
void execute_wgmma(const std::vector<Thread*>& lanes);
void execute_rows(const std::vector<Thread*>& lanes);  // ldmatrix, stmatrix, movmatrix

}  // namespace reference
