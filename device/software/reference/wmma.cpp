// wmma (PTX ISA, "Warp-level matrix instructions using wmma"). Which lane holds what of a fragment is the
// implementation's choice: here tiles as mma has them, A's of 16 rows (8 where the matrix has no more), B's and D's of
// 8 columns, D's row by row of tiles. Registers that are more than a matrix needs hold it again.
#include <cstring>

#include "device/software/reference/matrix.h"

namespace reference {
namespace {

using ptx::Type;

struct Wmma {
  Fragments fragments;
  Thread* first = fragments.lanes.front();
  const ptx::Instruction& instruction = first->instruction();
  const ptx::Modifiers& modifiers = instruction.modifiers;
  MatrixShape shape = matrix_shape(modifiers);
  unsigned tile = shape.m >= 16 ? 16 : 8;  // rows of a tile of A and D

  // The bits of the element at (row, column) of the matrix in memory.
  struct Memory {
    uint8_t* base;
    uint64_t stride;
    bool by_rows;
    unsigned bits;

    uint64_t place(unsigned row, unsigned column) const {
      return (by_rows ? row * stride + column : column * stride + row) * bits;
    }
    uint64_t get(unsigned row, unsigned column) const {
      uint64_t at = place(row, column), value = 0;
      if (bits < 8) return base[at / 8] >> at % 8 & ones(bits);
      std::memcpy(&value, base + at / 8, bits / 8);
      return value;
    }
    void put(unsigned row, unsigned column, uint64_t value) const {
      std::memcpy(base + place(row, column) / 8, &value, bits / 8);
    }
  };
  Memory memory(size_t address, uint64_t columns, uint64_t rows, unsigned bits) const {
    bool by_rows = modifiers.has("row");
    uint64_t stride = by_rows ? columns : rows;
    if (instruction.operands.size() > 2) stride = first->read(instruction.operands[2], Type::b32);
    auto* base = reinterpret_cast<uint8_t*>(first->address(instruction.operands.at(address), modifiers.space));
    return {base, stride, by_rows, bits};
  }

  void load_multiplicand(bool is_a) const {
    unsigned bits = held_bits(modifiers.type), parts = bits >= 32 ? 1 : 32 / bits, depth = 4 * parts;
    unsigned size = is_a ? shape.m : shape.n, group = is_a ? tile : 8;
    unsigned used = size / 8 * (shape.k / depth);
    Memory from = memory(1, is_a ? shape.k : shape.n, is_a ? shape.m : shape.k, bits);
    for (unsigned lane = 0; lane < warp_size; ++lane)
      for (unsigned reg = 0; reg < fragments.registers(0); ++reg) {
        unsigned within = reg % used, per_group = group / 8 * (shape.k / depth);
        unsigned row = within / per_group * group + within % per_group % (group / 8) * 8 + lane / 4;
        unsigned k = within % per_group / (group / 8) * depth + lane % 4 * parts;
        uint64_t word = 0;
        for (unsigned part = 0; part < parts; ++part)
          word |= (is_a ? from.get(row, k + part) : from.get(k + part, row)) << part * bits;
        fragments.set_word(0, lane, reg, word, bits == 64 ? 64 : 32);
      }
  }

  template <class Visit>
  void each_tile(unsigned registers, Visit visit) const {
    for (unsigned row = 0, at = 0; row < shape.m; row += tile)
      for (unsigned column = 0; column < shape.n; column += 8, at += registers) visit(row, column, at);
  }
  unsigned registers_of(Type type) const { return type == Type::f16 ? tile / 8 : tile / 4; }

  void load_sums() const {
    Type type = modifiers.type;
    Memory from = memory(1, shape.n, shape.m, ptx::bits(type));
    each_tile(registers_of(type), [&](unsigned row, unsigned column, unsigned at) {
      Matrix sums(tile, 8);
      for (unsigned i = 0; i < tile; ++i)
        for (unsigned j = 0; j < 8; ++j) sums.at(i, j) = from.get(row + i, column + j);
      fragments.set_sums(0, at, sums, type);
    });
  }
  void store_sums() const {
    Type type = modifiers.type;
    Memory to = memory(0, shape.n, shape.m, ptx::bits(type));
    each_tile(registers_of(type), [&](unsigned row, unsigned column, unsigned at) {
      Matrix sums = fragments.sums(1, at, tile, type);
      for (unsigned i = 0; i < tile; ++i)
        for (unsigned j = 0; j < 8; ++j) to.put(row + i, column + j, *sums.at(i, j));
    });
  }

  void multiply() const {
    std::vector<Type> list = modifiers.types;
    if (list.size() == 2) list = {list[0], Type::f16, Type::f16, list[1]};
    if (list.size() != 4) unsupported(instruction);
    MatrixTypes types{list[0], list[1], list[2], list[3], modifiers.has("satfinite"), modifiers.has("and")};
    unsigned bits = held_bits(types.a), depth = 4 * (bits >= 32 ? 1 : 32 / bits), per_column = shape.k / depth;
    unsigned c_at = 0;
    std::vector<Matrix> results;
    each_tile(registers_of(types.d), [&](unsigned row, unsigned column, unsigned) {
      Matrix a = fragments.a(1, row / 8 * per_column, tile, shape.k, bits);
      Matrix b = fragments.b(2, column / 8 * per_column, shape.k, bits);
      results.push_back(product(a, b, fragments.sums(3, c_at, tile, types.c), types));
      c_at += registers_of(types.c);
    });
    unsigned next = 0;
    each_tile(registers_of(types.d),
              [&](unsigned, unsigned, unsigned at) { fragments.set_sums(0, at, results[next++], types.d); });
  }
};

}  // namespace

void execute_wmma(const std::vector<Thread*>& lanes) {
  Wmma wmma{{lanes}};
  const ptx::Modifiers& modifiers = wmma.modifiers;
  if (modifiers.has("mma")) return wmma.multiply();
  if (modifiers.has("store")) return wmma.store_sums();
  if (modifiers.has("c")) return wmma.load_sums();
  wmma.load_multiplicand(modifiers.has("a"));
}

}  // namespace reference
