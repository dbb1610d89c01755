// Products of small matrices that lie spread over a warp (PTX ISA, "Warp Level Matrix Multiply-Accumulate
// Instructions"): mma.sync of dense matrices, ldmatrix, stmatrix, movmatrix. Fragments are gathered into whole
// matrices, and these are multiplied as in a textbook.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "device/software/reference/machine.h"
#include "device/software/reference/values.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Operand;
using ptx::Type;

const Operand& piece(const Operand& operand, unsigned i) {
  return operand.kind == Operand::vector ? operand.elements.at(i) : operand;
}

struct Product {
  const std::vector<Thread*>& lanes;
  const ptx::Instruction& instruction = lanes.front()->instruction();
  const ptx::Modifiers& modifiers = instruction.modifiers;
  Type d_type = modifiers.types.at(0), a_type = modifiers.types.at(1), b_type = modifiers.types.at(2),
       c_type = modifiers.types.at(3);
  unsigned m = 0, n = 0, k = 0;

  bool integers() const { return !ptx::is_float(a_type); }
  unsigned width() const { return a_type == Type::tf32 ? 32 : ptx::bits(a_type); }
  unsigned parts() const { return width() >= 32 ? 1 : 32 / width(); }  // elements in a register

  void read_shape() {
    for (const std::string& word : modifiers.words)
      if (std::sscanf(word.c_str(), "m%un%uk%u", &m, &n, &k) == 3) break;
    bool volta = a_type == Type::f16 && m == 8;  // m8n8k4 spreads its elements differently
    if (n != 8 || (m != 8 && m != 16) || volta || modifiers.has("sp") || width() < 8) unsupported(instruction);
  }

  uint64_t element(unsigned operand, unsigned lane, unsigned reg, unsigned part, unsigned bits) const {
    Thread* thread = lanes[lane];
    uint64_t word = thread->read(piece(instruction.operands[operand], reg), bits == 64 ? Type::b64 : Type::b32);
    return cut(word >> part * bits, bits);
  }
  // PTX ISA, "Matrix Fragments for mma.m16n8k16" and its kin: four lanes share a row of A and a column of B, each
  // holding one register of consecutive elements; further registers lie 8 rows below, then to the right.
  uint64_t a(unsigned row, unsigned column) const {
    unsigned step = 4 * parts();
    return element(1, row % 8 * 4 + column % step / parts(), row / 8 + m / 8 * (column / step), column % parts(),
                   width());
  }
  uint64_t b(unsigned row, unsigned column) const {
    unsigned step = 4 * parts();
    return element(2, column * 4 + row % step / parts(), row / step, row % parts(), width());
  }
  // C and D: a lane holds two neighbours of a row, and the same 8 rows below.
  static unsigned lane_of(unsigned row, unsigned column) { return row % 8 * 4 + column / 2; }
  uint64_t c(unsigned row, unsigned column) const {
    unsigned place = row / 8 * 2 + column % 2, lane = lane_of(row, column);
    if (c_type == Type::f16) return element(3, lane, place / 2, place % 2, 16);
    return element(3, lane, place, 0, c_type == Type::f64 ? 64 : 32);
  }

  uint64_t integer_cell(unsigned row, unsigned column) const {
    auto number = [&](uint64_t bits, Type type) {
      return ptx::is_signed(type) ? sign_extended(bits, width()) : static_cast<int64_t>(bits);
    };
    int64_t total = sign_extended(c(row, column), 32);
    for (unsigned i = 0; i < k; ++i) total += number(a(row, i), a_type) * number(b(i, column), b_type);
    if (modifiers.has("satfinite")) total = std::clamp<int64_t>(total, INT32_MIN, INT32_MAX);
    return static_cast<uint32_t>(total);
  }
  // The ISA leaves order and precision of the sums of floating products open, except for f64. Here: one after
  // another, each rounded as fma rounds, in f32 or f64.
  uint64_t real_cell(unsigned row, unsigned column) const {
    Format sums = format_of(a_type == Type::f64 ? Type::f64 : Type::f32);
    auto factor = [&](uint64_t bits, Type type) {
      return type == Type::tf32 ? decode(bits & ~uint64_t{0x1fff}, {8, 23}) : decode(bits, format_of(type));
    };
    Number total = decode(c(row, column), format_of(c_type));
    for (unsigned i = 0; i < k; ++i) {
      Number p = product(factor(a(row, i), a_type), factor(b(i, column), b_type));
      total = decode(encode(sum(p, total, ptx::Rounding::rn), sums), sums);
    }
    return encode(total, format_of(d_type));
  }

  void run() {
    read_shape();
    std::vector<uint64_t> cells(m * n);
    for (unsigned row = 0; row < m; ++row)
      for (unsigned column = 0; column < n; ++column)
        cells[row * n + column] = integers() ? integer_cell(row, column) : real_cell(row, column);
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned half = 0; half < m / 8; ++half) {
        unsigned row = lane / 4 + 8 * half, column = lane % 4 * 2;
        uint64_t low = cells[row * n + column], high = cells[row * n + column + 1];
        const Operand& d = lanes[lane]->instruction().operands[0];
        if (d_type == Type::f16) {
          lanes[lane]->write(piece(d, half), low | high << 16, Type::b32);
          continue;
        }
        Type type = d_type == Type::f64 ? Type::b64 : Type::b32;
        lanes[lane]->write(piece(d, 2 * half), low, type);
        lanes[lane]->write(piece(d, 2 * half + 1), high, type);
      }
  }
};

// ldmatrix, stmatrix: 8 rows of 8 elements of 16 bits; lane 8 * i + r names the address of row r of matrix i. Lane
// l holds elements 2 * (l % 4) and the next of row l / 4, or of column l / 4 with .trans.
struct Rows {
  const std::vector<Thread*>& lanes;
  const ptx::Instruction& instruction = lanes.front()->instruction();
  const ptx::Modifiers& modifiers = instruction.modifiers;

  unsigned count() const { return modifiers.has("x4") ? 4 : modifiers.has("x2") ? 2 : 1; }
  uint8_t* cell(size_t operand, unsigned matrix, unsigned row, unsigned column) const {
    Thread* owner = lanes[8 * matrix + row];
    uint64_t start = owner->address(owner->instruction().operands[operand], modifiers.space);
    return reinterpret_cast<uint8_t*>(start + 2 * column);
  }
  uint8_t* of_lane(size_t operand, unsigned matrix, unsigned lane, unsigned which) const {
    unsigned major = lane / 4, minor = lane % 4 * 2 + which;
    return modifiers.has("trans") ? cell(operand, matrix, minor, major) : cell(operand, matrix, major, minor);
  }
  void check() const {
    if (!modifiers.has("m8n8") || modifiers.type != Type::b16) unsupported(instruction);
  }

  void load() const {
    check();
    std::vector<uint64_t> words;
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned i = 0; i < count(); ++i) {
        uint16_t halves[2];
        for (unsigned which : {0u, 1u}) std::memcpy(&halves[which], of_lane(1, i, lane, which), 2);
        words.push_back(uint64_t{halves[1]} << 16 | halves[0]);
      }
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned i = 0; i < count(); ++i)
        lanes[lane]->write(piece(lanes[lane]->instruction().operands[0], i), words[lane * count() + i], Type::b32);
  }
  void store() const {
    check();
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned i = 0; i < count(); ++i) {
        uint64_t word = lanes[lane]->read(piece(lanes[lane]->instruction().operands[1], i), Type::b32);
        for (unsigned which : {0u, 1u}) {
          auto half = static_cast<uint16_t>(word >> 16 * which);
          std::memcpy(of_lane(0, i, lane, which), &half, 2);
        }
      }
  }
  void transpose() const {  // movmatrix
    uint16_t matrix[8][8];
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      uint64_t word = lanes[lane]->read(lanes[lane]->instruction().operands[1], Type::b32);
      for (unsigned which : {0u, 1u})
        matrix[lane / 4][lane % 4 * 2 + which] = static_cast<uint16_t>(word >> 16 * which);
    }
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      unsigned row = lane / 4, column = lane % 4 * 2;
      uint64_t word = matrix[column][row] | static_cast<uint64_t>(matrix[column + 1][row]) << 16;
      lanes[lane]->write(lanes[lane]->instruction().operands[0], word, Type::b32);
    }
  }
};

}  // namespace

bool execute_matrix(const std::vector<Thread*>& members) {
  const ptx::Instruction& instruction = members.front()->instruction();
  if (members.size() != warp_size) throw Fault{"a matrix instruction without the whole warp", instruction.line};
  switch (instruction.opcode) {
    case Opcode::mma:
      if (instruction.modifiers.types.size() != 4) return false;
      Product{members}.run();
      return true;
    case Opcode::ldmatrix: Rows{members}.load(); return true;
    case Opcode::stmatrix: Rows{members}.store(); return true;
    case Opcode::movmatrix: Rows{members}.transpose(); return true;
    default: return false;
  }
}

}  // namespace reference
