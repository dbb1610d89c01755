// ldmatrix, stmatrix, movmatrix (PTX ISA, "Warp-level matrix load instruction: ldmatrix" and its neighbours). Lane
// 8 * i + r names the address of row r of matrix i (16 * i + r where a matrix has 16 rows); a row has 16 bytes.
#include <cstring>

#include "device/software/reference/matrix.h"

namespace reference {
namespace {

using ptx::Opcode;
using ptx::Type;

struct Rows {
  Fragments fragments;
  const ptx::Instruction& instruction = fragments.lanes.front()->instruction();
  const ptx::Modifiers& modifiers = instruction.modifiers;
  MatrixShape shape = matrix_shape(modifiers);
  bool transposed = modifiers.has("trans");
  unsigned count = modifiers.has("x4") ? 4 : modifiers.has("x2") ? 2 : 1;

  uint8_t* row(size_t operand, unsigned lane) const {
    Thread* owner = fragments.lanes.at(lane);
    return reinterpret_cast<uint8_t*>(owner->address(owner->instruction().operands.at(operand), modifiers.space));
  }

  // Element `column` of a row in memory; numbers of 4 and 6 bits are packed and followed by padding.
  uint64_t element(unsigned lane, unsigned column) const {
    const uint8_t* bytes = row(1, lane);
    unsigned bits = modifiers.has("b4x16_p64")     ? 4
                    : modifiers.has("b6x16_p32")   ? 6
                    : shape.m == 8 && shape.n == 8 ? 16
                                                   : 8;
    uint64_t value = 0;
    for (unsigned bit = 0; bit < bits; ++bit) {
      unsigned at = column * bits + bit;
      value |= (uint64_t{bytes[at / 8]} >> at % 8 & 1) << bit;
    }
    return value;
  }

  void load() const {
    bool wide = shape.m == 16 && shape.n == 16;
    unsigned registers = wide ? 2 * count : count;
    std::vector<uint64_t> words;
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned reg = 0; reg < registers; ++reg) words.push_back(wide ? square(lane, reg) : word(lane, reg));
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned reg = 0; reg < registers; ++reg) fragments.set_word(0, lane, reg, words[lane * registers + reg]);
  }
  // Four lanes hold a row, or with .trans a column.
  uint64_t word(unsigned lane, unsigned matrix) const {
    bool halves = shape.n == 8;
    unsigned parts = halves ? 2 : 4, bits = halves ? 16 : 8;
    uint64_t value = 0;
    for (unsigned part = 0; part < parts; ++part) {
      unsigned major = lane / 4, minor = lane % 4 * parts + part;
      value |= (transposed ? element(8 * matrix + minor, major) : element(8 * matrix + major, minor)) << part * bits;
    }
    return value;
  }
  // .m16n16 of bytes: two rows and two columns 8 apart; the second register holds the two rows below.
  uint64_t square(unsigned lane, unsigned reg) const {
    uint64_t value = 0;
    for (unsigned byte = 0; byte < 4; ++byte) {
      unsigned row = 16 * (reg / 2) + lane % 4 * 4 + 2 * (reg % 2) + byte % 2, column = lane / 4 + 8 * (byte / 2);
      value |= element(row, column) << 8 * byte;
    }
    return value;
  }

  void store() const {
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned matrix = 0; matrix < count; ++matrix) {
        uint64_t word = fragments.word(1, lane, matrix);
        if (modifiers.type == Type::b8) {
          for (unsigned byte = 0; byte < 4; ++byte)
            row(0, 8 * matrix + lane % 4 * 2 + byte % 2)[lane / 4 + 8 * (byte / 2)] =
                static_cast<uint8_t>(word >> 8 * byte);
          continue;
        }
        for (unsigned part : {0u, 1u}) {
          unsigned major = lane / 4, minor = lane % 4 * 2 + part;
          auto half = static_cast<uint16_t>(word >> 16 * part);
          std::memcpy(transposed ? row(0, 8 * matrix + minor) + 2 * major : row(0, 8 * matrix + major) + 2 * minor,
                      &half, 2);
        }
      }
  }

  void move() const {  // movmatrix
    Matrix matrix = fragments.a(1, 0, 8, 8, 16);
    for (unsigned lane = 0; lane < warp_size; ++lane) {
      unsigned row = lane / 4, column = lane % 4 * 2;
      fragments.set_word(0, lane, 0, *matrix.at(column, row) | *matrix.at(column + 1, row) << 16);
    }
  }
};

}  // namespace

void execute_rows(const std::vector<Thread*>& lanes) {
  Rows rows{{lanes}};
  switch (lanes.front()->instruction().opcode) {
    case Opcode::ldmatrix: return rows.load();
    case Opcode::stmatrix: return rows.store();
    default: return rows.move();
  }
}

}  // namespace reference
