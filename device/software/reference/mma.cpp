// mma and mma.sp (PTX ISA, "Multiply-and-Accumulate Instruction: mma").
#include "device/software/reference/matrix.h"

namespace reference {
namespace {

using ptx::Type;

struct Mma {
  Fragments fragments;
  const ptx::Instruction& instruction = fragments.lanes.front()->instruction();
  const ptx::Modifiers& modifiers = instruction.modifiers;
  MatrixShape shape = matrix_shape(modifiers);
  MatrixTypes types{modifiers.types.at(0), modifiers.types.at(1),      modifiers.types.at(2),
                    modifiers.types.at(3), modifiers.has("satfinite"), modifiers.has("and")};

  unsigned blocks() const {
    if (modifiers.has("scale_vec::4X")) return 4;
    if (modifiers.has("scale_vec::2X")) return 2;
    return modifiers.has("kind::mxf8f6f4") ? 1 : 2;
  }

  // PTX ISA, "Block Scaling for mma.sync": {byte, lane of four} say where the scales of a row or a column begin.
  Matrix scales(size_t operand, unsigned count, bool of_rows) const {
    auto byte = static_cast<unsigned>(fragments.word(operand + 1, 0, 0) & 3);
    auto thread = static_cast<unsigned>(fragments.word(operand + 1, 0, 1) & 3);
    Matrix matrix = of_rows ? Matrix(count, blocks()) : Matrix(blocks(), count);
    for (unsigned i = 0; i < count; ++i)
      for (unsigned block = 0; block < blocks(); ++block) {
        unsigned lane = i % 8 * 4 + (of_rows ? thread * 2 % 4 + i / 8 : thread);
        uint64_t value = fragments.word(operand, lane, 0) >> 8 * (byte + block) & 0xff;
        (of_rows ? matrix.at(i, block) : matrix.at(block, i)) = value;
      }
    return matrix;
  }

  void run() {
    bool sparse = modifiers.has("sp") || modifiers.has("sp::ordered_metadata");
    bool packed = modifiers.has("kind::mxf4") || modifiers.has("kind::mxf4nvf4");
    unsigned bits = held_bits(types.a, packed);
    Matrix a = fragments.a(1, 0, shape.m, sparse ? shape.k / 2 : shape.k, bits);
    Matrix b = fragments.b(2, 0, shape.k, held_bits(types.b, packed));
    if (types.a == Type::e2m1 && !packed) shift_down(a);  // four bits in the middle of a byte
    if (types.b == Type::e2m1 && !packed) shift_down(b);
    if (sparse) a = fragments.expanded(a, bits, 4, static_cast<unsigned>(instruction.operands.at(5).value));
    if (modifiers.has("block_scale")) {
      Type type = modifiers.types.back();
      size_t first = sparse ? 6 : 4;
      a = scaled(a, types.a, scales(first, shape.m, true), type, true);
      b = scaled(b, types.b, scales(first + 2, 8, false), type, false);
      types.a = types.b = Type::f32;
    }
    fragments.set_sums(0, 0, product(a, b, fragments.sums(3, 0, shape.m, types.c), types), types.d);
  }
  static void shift_down(Matrix& matrix) {
    for (auto& cell : matrix.cells) cell = *cell >> 2 & 15;
  }
};

// mma.m8n8k4 of .f16: four products, each of the lanes 4 * q to + 3 and those 16 above (PTX ISA, "Matrix Fragments for
// mma.m8n8k4 with .f16 floating point type").
struct Quads {
  Fragments fragments;
  const ptx::Modifiers& modifiers = fragments.lanes.front()->instruction().modifiers;
  MatrixTypes types{modifiers.types.at(0), modifiers.types.at(1), modifiers.types.at(2), modifiers.types.at(3)};

  uint64_t half(size_t operand, unsigned lane, unsigned element) const {
    return cut(fragments.word(operand, lane, element / 2) >> element % 2 * 16, 16);
  }
  // A lane's four elements are a row of A, or four rows of one column; of B the same the other way round.
  uint64_t factor(size_t operand, unsigned quad, unsigned index, unsigned k, bool along) const {
    unsigned lane = 4 * quad + index / 4 * 16;
    return along ? half(operand, lane + index % 4, k) : half(operand, lane + k, index % 4);
  }
  static unsigned row(unsigned lane, unsigned element, Type type) {
    return lane / 16 * 4 + (type == Type::f16 ? lane % 4 : lane % 2 + (element & 2));
  }
  static unsigned column(unsigned lane, unsigned element, Type type) {
    return type == Type::f16 ? element : (element & 4) + (lane & 2) + element % 2;
  }

  void run() {
    std::vector<bool> by_rows;
    for (const std::string& word : modifiers.words)
      if (word == "row" || word == "col") by_rows.push_back(word == "row");
    for (unsigned quad = 0; quad < 4; ++quad) {
      Matrix a(8, 4), b(4, 8), c(8, 8);
      for (unsigned i = 0; i < 8; ++i)
        for (unsigned k = 0; k < 4; ++k) {
          a.at(i, k) = factor(1, quad, i, k, by_rows.at(0));
          b.at(k, i) = factor(2, quad, i, k, !by_rows.at(1));
        }
      auto each = [&](auto visit) {
        for (unsigned lane = 4 * quad; lane < warp_size; lane += lane % 4 == 3 ? 13 : 1)
          for (unsigned element = 0; element < 8; ++element) visit(lane, element);
      };
      each([&](unsigned lane, unsigned e) {
        c.at(row(lane, e, types.c), column(lane, e, types.c)) =
            types.c == Type::f16 ? half(3, lane, e) : fragments.word(3, lane, e);
      });
      Matrix d = product(a, b, c, types);
      each([&](unsigned lane, unsigned e) {
        auto cell = [&](unsigned element) {
          return *d.at(row(lane, element, types.d), column(lane, element, types.d));
        };
        if (types.d == Type::f32) fragments.set_word(0, lane, e, cell(e));
        if (types.d == Type::f16 && e % 2 == 0) fragments.set_word(0, lane, e / 2, cell(e) | cell(e + 1) << 16);
      });
    }
  }
};

}  // namespace

void execute_mma(const std::vector<Thread*>& lanes) {
  MatrixShape shape = matrix_shape(lanes.front()->instruction().modifiers);
  if (lanes.front()->instruction().modifiers.types.size() < 4) unsupported(lanes.front()->instruction());
  bool quads = shape.m == 8 && shape.k == 4 && lanes.front()->instruction().modifiers.types[1] == Type::f16;
  if (quads) return Quads{{lanes}}.run();
  if (shape.n != 8 || (shape.m != 8 && shape.m != 16)) unsupported(lanes.front()->instruction());
  Mma{{lanes}}.run();
}

}  // namespace reference
