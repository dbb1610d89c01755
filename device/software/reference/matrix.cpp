// Products of whole matrices, and which file knows which instruction on matrices.
#include "device/software/reference/matrix.h"

#include <algorithm>
#include <bit>
#include <cstdio>

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;

// Formats without infinities and NaN (PTX ISA, "Alternate Floating-Point Data Formats").
Number small(uint64_t bits, int exponent_bits, int fraction_bits) {
  Format format{exponent_bits, fraction_bits};
  bool negative = bits >> (exponent_bits + fraction_bits) & 1;
  auto exponent = static_cast<int>(bits >> fraction_bits & ones(static_cast<unsigned>(exponent_bits)));
  uint64_t fraction = bits & ones(static_cast<unsigned>(fraction_bits));
  if (exponent) fraction |= uint64_t{1} << fraction_bits;
  Number number;
  number.kind = fraction ? Number::finite : Number::zero;
  number.negative = negative;
  number.significand = fraction;
  number.exponent = std::max(exponent, 1) - format.bias() - fraction_bits;
  return number;
}

Number scale(uint64_t bits, Type type) {
  if (type == Type::ue4m3) return decode(bits & 0x7f, format_of(Type::e4m3));
  Number number;  // .ue8m0: 2^(bits - 127)
  number.kind = bits == 0xff ? Number::nan : Number::finite;
  number.significand = 1;
  number.exponent = static_cast<int>(bits) - 127;
  return number;
}

Number real(uint64_t bits, Type type) {
  switch (type) {
    case Type::tf32: return decode(bits & ~uint64_t{0x1fff}, {8, 23});  // hardware reads the upper 19 bits
    case Type::e2m1: return small(bits, 2, 1);
    case Type::e2m3: return small(bits, 2, 3);
    case Type::e3m2: return small(bits, 3, 2);
    default: return decode(bits, format_of(type));
  }
}

int64_t integer(uint64_t bits, Type type) {
  return ptx::is_signed(type) ? sign_extended(bits, ptx::bits(type)) : static_cast<int64_t>(bits);
}

uint64_t integer_cell(const Matrix& a, const Matrix& b, uint64_t c, unsigned row, unsigned column,
                      const MatrixTypes& types) {
  int64_t total = sign_extended(c, 32);
  for (unsigned k = 0; k < a.columns; ++k) {
    if (!a.at(row, k)) continue;
    uint64_t left = *a.at(row, k), right = *b.at(k, column);
    if (types.a == Type::b1)
      total += static_cast<int64_t>(types.and_popc ? left & right : left ^ right);
    else
      total += integer(left, types.a) * integer(right, types.b);
  }
  if (types.saturating) total = std::clamp<int64_t>(total, INT32_MIN, INT32_MAX);
  return static_cast<uint32_t>(total);
}

// The ISA leaves order and precision of the sums of floating products open, except for f64. Here: one after another,
// each rounded as fma rounds, in f32 or f64.
uint64_t real_cell(const Matrix& a, const Matrix& b, uint64_t c, unsigned row, unsigned column,
                   const MatrixTypes& types) {
  Format sums = format_of(types.a == Type::f64 ? Type::f64 : Type::f32);
  Number total = decode(c, format_of(types.c));
  for (unsigned k = 0; k < a.columns; ++k) {
    if (!a.at(row, k)) continue;
    Number one = product(real(*a.at(row, k), types.a), real(*b.at(k, column), types.b));
    total = decode(encode(sum(one, total, ptx::Rounding::rn), sums), sums);
  }
  return encode(total, format_of(types.d));
}

}  // namespace

Matrix product(const Matrix& a, const Matrix& b, const Matrix& c, const MatrixTypes& types) {
  Matrix d(a.rows, b.columns);
  for (unsigned row = 0; row < d.rows; ++row)
    for (unsigned column = 0; column < d.columns; ++column)
      d.at(row, column) = ptx::is_float(types.a) ? real_cell(a, b, *c.at(row, column), row, column, types)
                                                 : integer_cell(a, b, *c.at(row, column), row, column, types);
  return d;
}

Matrix scaled(const Matrix& matrix, Type type, const Matrix& scales, Type scale_type, bool by_rows) {
  Matrix result(matrix.rows, matrix.columns);
  for (unsigned row = 0; row < matrix.rows; ++row)
    for (unsigned column = 0; column < matrix.columns; ++column) {
      if (!matrix.at(row, column)) continue;
      uint64_t by = by_rows ? *scales.at(row, column * scales.columns / matrix.columns)
                            : *scales.at(row * scales.rows / matrix.rows, column);
      result.at(row, column) = encode(product(real(*matrix.at(row, column), type), scale(by, scale_type)), {8, 23});
    }
  return result;
}

MatrixShape matrix_shape(const ptx::Modifiers& modifiers) {
  for (const std::string& word : modifiers.words) {
    MatrixShape shape;
    if (std::sscanf(word.c_str(), "m%3un%3uk%3u", &shape.m, &shape.n, &shape.k) >= 2) return shape;
  }
  return {};
}

unsigned held_bits(Type type, bool packed) {
  switch (type) {
    case Type::tf32: return 32;
    case Type::e2m3:
    case Type::e3m2: return 8;
    case Type::e2m1: return packed ? 4 : 8;
    default: return ptx::bits(type);
  }
}

bool execute_matrix(const std::vector<Thread*>& members) {
  const ptx::Instruction& instruction = members.front()->instruction();
  if (members.size() != warp_size) throw Fault{"a matrix instruction without the whole warp", instruction.line};
  switch (instruction.opcode) {
    case Opcode::mma: execute_mma(members); return true;
    case Opcode::wmma: execute_wmma(members); return true;
    case Opcode::wgmma: execute_wgmma(members); return true;
    case Opcode::ldmatrix:
    case Opcode::stmatrix:
    case Opcode::movmatrix: execute_rows(members); return true;
    default: return false;
  }
}

}  // namespace reference
