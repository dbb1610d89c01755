// wgmma (PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate Instructions"): each of a warpgroup's four
// warps computes 16 of the 64 rows where the instruction stands. Waits find everything done.
#include <cstring>

#include "device/software/reference/matrix.h"

namespace reference {
namespace {

using ptx::Operand;
using ptx::Type;

// PTX ISA, "Matrix Descriptor Format" and "Shared Memory Matrix Layout".
struct Descriptor {
  uint64_t bits;
  Block* block;

  uint64_t field(unsigned first, unsigned width) const { return bits >> first & ones(width); }
  uint64_t leading() const { return field(16, 14) * 16; }
  uint64_t stride() const { return field(32, 14) * 16; }
  unsigned line() const {  // 16-byte pieces in a line of the swizzle's pattern
    static constexpr unsigned pieces[] = {1, 8, 4, 2};
    return pieces[field(62, 2)];
  }

  // 16-byte piece `along` of line `across`: k-major lines are rows of A or columns of B, pieces go along k; MN-major
  // lines are values of k, pieces go along the rows of A or the columns of B.
  const uint8_t* piece(unsigned across, unsigned along, bool mn_major) const {
    uint64_t offset = (across % 8) * line() * 16;
    if (!mn_major)
      offset += across / 8 * stride() + along * (line() == 1 ? leading() : 16);
    else if (line() == 1)
      offset += across / 8 * leading() + along * stride();
    else
      offset += across / 8 * stride() + along % line() * 16 + along / line() * leading();
    uint64_t address = field(0, 14) * 16 + offset;
    uint64_t turn = ((address >> 7) - field(49, 3)) & (line() - 1);
    address ^= turn << 4;
    if (address + 16 > block->shared_bytes) throw Fault{"an address outside of shared memory"};
    return block->shared + address;
  }
  uint64_t element(unsigned index, unsigned k, unsigned width, bool mn_major) const {
    unsigned across = mn_major ? k : index, along = (mn_major ? index : k) * width;  // in bits
    uint64_t value = 0;
    const uint8_t* at = piece(across, along / 128, mn_major);
    if (width == 1) return at[along % 128 / 8] >> along % 8 & 1;
    std::memcpy(&value, at + along % 128 / 8, width / 8);
    return value;
  }
};

struct Wgmma {
  Fragments fragments;
  Thread* first = fragments.lanes.front();
  const ptx::Instruction& instruction = first->instruction();
  const ptx::Modifiers& modifiers = instruction.modifiers;
  MatrixShape shape = matrix_shape(modifiers);
  MatrixTypes types{modifiers.types.at(0), modifiers.types.at(1),      modifiers.types.at(2),
                    modifiers.types.at(0), modifiers.has("satfinite"), modifiers.has("and")};

  int64_t number(size_t i, int64_t otherwise) const {
    return i < instruction.operands.size() ? instruction.operands[i].value : otherwise;
  }
  uint64_t negated(uint64_t bits, unsigned width) const {
    return bits ^ uint64_t { 1 } << (width - 1);
  }

  // Operands: D twice, A, B, for sparse A its metadata and their selector, whether to add, the numbers.
  void run() {
    bool sparse = modifiers.has("sp"), in_registers = instruction.operands.at(2).kind == Operand::vector;
    size_t adds = sparse ? 6 : 4;
    bool a_mn = !in_registers && number(adds + 3, 0) != 0, b_mn = number(adds + (in_registers ? 3 : 4), 0) != 0;
    unsigned bits = held_bits(types.a), depth = sparse ? shape.k / 2 : shape.k, row = first->warp() % 4 * 16;
    Matrix a(16, depth);
    if (in_registers) a = fragments.a(2, 0, 16, depth, bits);
    Descriptor from_a{first->read(instruction.operands[2], Type::b64), first->block};
    if (!in_registers)
      for (unsigned i = 0; i < 16; ++i)
        for (unsigned k = 0; k < depth; ++k) a.at(i, k) = from_a.element(row + i, k, bits, a_mn);
    if (number(adds + 1, 1) * number(adds + 2, 1) < 0)
      for (auto& cell : a.cells) cell = negated(*cell, bits);
    if (sparse) a = fragments.expanded(a, bits, 4, static_cast<unsigned>(number(5, 0)));
    Descriptor from_b{first->read(instruction.operands.at(3), Type::b64), first->block};
    bool add = first->read_predicate(instruction.operands.at(adds));
    for (unsigned column = 0; column < shape.n; column += 8) {
      unsigned at = column / 8 * (types.d == Type::f16 ? 2 : 4);
      Matrix b(shape.k, 8), c(16, 8);
      for (unsigned k = 0; k < shape.k; ++k)
        for (unsigned j = 0; j < 8; ++j) b.at(k, j) = from_b.element(column + j, k, bits, b_mn);
      for (auto& cell : c.cells) cell = 0;
      fragments.set_sums(0, at, product(a, b, add ? fragments.sums(1, at, 16, types.d) : c, types), types.d);
    }
  }
};

}  // namespace

void execute_wgmma(const std::vector<Thread*>& lanes) {
  if (lanes.front()->instruction().modifiers.has("mma_async")) Wgmma{{lanes}}.run();
}

}  // namespace reference
