// wmma.load, wmma.store, wmma.mma (PTX ISA, "Warp-level matrix instructions using wmma"). How a fragment spreads a
// matrix over the lanes is the implementation's choice; here it is that of mma: tiles of 16 (or 8) rows of A, of 8
// columns of B, and D's tiles row by row of tiles. Registers that are more than a matrix needs hold it again.
#include "device/software/codegen/matrix.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Instruction;
using ptx::Type;

struct Wmma {
  Emitter& emitter;
  const Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  llvm::IRBuilder<>& ir = emitter.ir;
  MatrixShape shape = matrix_shape(modifiers);
  unsigned m_tile = shape.m >= 16 ? 16 : 8;  // rows of A and D that one product computes
  Value* base = nullptr;
  Value* stride = nullptr;  // bytes from row to row, or from column to column

  Value* of_the_warp(Value* value) {
    return Emitter::varying(value) ? ir.CreateExtractElement(value, uint64_t{0}) : value;
  }

  // The sets of shapes of "Matrix Shape" that a type has.
  bool shape_fits(Type type) const {
    auto is = [&](unsigned m, unsigned n, unsigned k) { return shape.m == m && shape.n == n && shape.k == k; };
    switch (type) {
      case Type::f16:
      case Type::bf16:
      case Type::s8:
      case Type::u8: return is(16, 16, 16) || is(32, 8, 16) || is(8, 32, 16);
      case Type::tf32: return is(16, 16, 8);
      case Type::f64: return is(8, 8, 4);
      case Type::s4:
      case Type::u4: return is(8, 8, 32);
      case Type::b1: return is(8, 8, 128);
      default: return false;
    }
  }

  void find_memory(size_t address, size_t step, uint64_t elements, unsigned bits) {
    if (instruction.operands.size() <= address) emitter.unsupported(instruction);
    base = of_the_warp(emitter.address_of(instruction.operands[address], modifiers.space));
    Value* count = ir.getInt64(elements);
    if (instruction.operands.size() > step) {
      count = of_the_warp(emitter.read(instruction.operands[step], Type::b32));
      count = ir.CreateZExt(count, ir.getInt64Ty());
    }
    stride = bits >= 8 ? ir.CreateMul(count, ir.getInt64(bits / 8))
                       : ir.CreateLShr(ir.CreateMul(count, ir.getInt64(bits)), 3);
  }

  // So many bytes from byte `offset` of line `line` on.
  Value* pointer(unsigned line, uint64_t offset, unsigned bytes, uint32_t how) {
    Value* at = ir.CreateAdd(base, ir.CreateMul(stride, ir.getInt64(line)));
    at = ir.CreateAdd(at, ir.getInt64(offset));
    at = emitter.checked(at, {bytes, modifiers.space, how | outboard_whole_warp, 0});
    return ir.CreateIntToPtr(at, ir.getPtrTy());
  }
  Value* load(unsigned line, uint64_t offset, unsigned bits, unsigned count) {
    auto* type = FixedVectorType::get(ir.getIntNTy(bits), count);
    Value* from = pointer(line, offset, bits * count / 8, outboard_reads);
    return ir.CreateAlignedLoad(type, from, llvm::Align(bits >= 8 ? bits / 8 : 1));
  }

  Value* joined(std::vector<Value*> parts) {
    while (parts.size() > 1) {
      std::vector<Value*> next;
      for (size_t i = 0; i < parts.size(); i += 2) {
        std::vector<int> all(2 * llvm::cast<FixedVectorType>(parts[i]->getType())->getNumElements());
        for (size_t e = 0; e < all.size(); ++e) all[e] = static_cast<int>(e);
        next.push_back(ir.CreateShuffleVector(parts[i], parts[i + 1], all));
      }
      parts = next;
    }
    return parts[0];
  }

  // --- A and B: eight rows (columns) of four words each; `along`: their elements lie one after the other in memory
  Value* multiplicand(const Numbers& numbers, unsigned row, unsigned tile, bool along) {
    unsigned word_bits = numbers.bits == 64 ? 64 : 32, bytes = 4 * word_bits / 8;
    std::vector<Value*> lines;
    if (along) {
      for (unsigned i = 0; i < 8; ++i) lines.push_back(load(row + i, tile * bytes, word_bits, 4));
      return joined(lines);
    }
    unsigned parts = numbers.elements_per_word(), depth = 4 * parts;
    for (unsigned k = 0; k < depth; ++k)
      lines.push_back(load(tile * depth + k, row * numbers.bits / 8, numbers.bits, 8));
    std::vector<int> from;
    for (unsigned lane = 0; lane < lanes; ++lane)
      for (unsigned part = 0; part < parts; ++part)
        from.push_back(static_cast<int>((lane % 4 * parts + part) * 8 + lane / 4));
    auto* words = FixedVectorType::get(ir.getIntNTy(word_bits), lanes);
    if (numbers.bits != 16) return ir.CreateBitCast(ir.CreateShuffleVector(joined(lines), from), words);
    std::array<Value*, 8> rows{};
    std::copy(lines.begin(), lines.end(), rows.begin());
    transpose(ir, rows);
    return ir.CreateBitCast(joined({rows.begin(), rows.end()}), words);
  }

  void load_multiplicand(bool is_a) {
    Numbers numbers;
    Type type = modifiers.type;
    if (!shape_fits(type) || !numbers_of(type, false, false, numbers)) emitter.unsupported(instruction);
    bool along = modifiers.has(is_a ? "row" : "col");
    if (!along && numbers.bits < 8) emitter.unsupported(instruction);
    unsigned size = is_a ? shape.m : shape.n, group = is_a ? m_tile : 8;
    unsigned word_bits = numbers.bits == 64 ? 64 : 32, tiles = shape.k * numbers.bits / (4 * word_bits);
    find_memory(1, 2, along ? shape.k : size, numbers.bits);
    std::vector<Value*> words;
    for (unsigned first = 0; first < size; first += group)
      for (unsigned tile = 0; tile < tiles; ++tile)
        for (unsigned row = first; row < first + group; row += 8)
          words.push_back(multiplicand(numbers, row, tile, along));
    const ptx::Operand& d = instruction.operands[0];
    if (piece_count(d) % words.size() != 0) emitter.unsupported(instruction, "its operand does not fit the shape");
    Type held = word_bits == 64 ? Type::b64 : Type::b32;
    for (size_t i = 0; i < piece_count(d); ++i) emitter.write(piece(d, i), words[i % words.size()], held);
  }

  // --- C and D: tiles of eight rows and columns
  unsigned sum_bits() const { return ptx::bits(modifiers.type); }
  bool sums_fit(const ptx::Operand& operand) const {
    Type type = modifiers.type;
    bool shaped = type == Type::f64   ? shape_fits(Type::f64)
                  : type == Type::f16 ? shape_fits(Type::f16)
                  : type == Type::f32 ? shape_fits(Type::f16) || shape_fits(Type::tf32)
                  : type == Type::s32 ? shape_fits(Type::s8) || shape_fits(Type::s4) || shape_fits(Type::b1)
                                      : false;
    return shaped && piece_count(operand) == shape.m * shape.n / 64 * (type == Type::f16 ? 1 : 2);
  }
  template <class Visit>
  void each_tile(const Visit& visit) {  // (first row, first column, index of its first register)
    unsigned reg = 0;
    for (unsigned row = 0; row < shape.m; row += m_tile)
      for (unsigned column = 0; column < shape.n; column += 8)
        for (unsigned half = 0; half < m_tile; half += 8, reg += modifiers.type == Type::f16 ? 1 : 2)
          visit(row + half, column, reg);
  }
  std::array<Value*, 8> tile_lines(unsigned row, unsigned column, bool by_rows) {
    std::array<Value*, 8> lines{};
    for (unsigned i = 0; i < 8; ++i)
      lines[i] = by_rows ? load(row + i, column * sum_bits() / 8, sum_bits(), 8)
                         : load(column + i, row * sum_bits() / 8, sum_bits(), 8);
    if (!by_rows) transpose(ir, lines);
    return lines;
  }
  static std::vector<int> every_second(int first) {
    std::vector<int> from;
    for (int i = 0; i < static_cast<int>(lanes); ++i) from.push_back(2 * i + first);
    return from;
  }

  void load_sums() {
    if (instruction.operands.empty() || !sums_fit(instruction.operands[0])) emitter.unsupported(instruction);
    bool by_rows = modifiers.has("row");
    find_memory(1, 2, by_rows ? shape.n : shape.m, sum_bits());
    Type held = sum_bits() == 64 ? Type::b64 : Type::b32;
    std::vector<std::pair<unsigned, Value*>> loaded;
    each_tile([&](unsigned row, unsigned column, unsigned reg) {
      auto lines = tile_lines(row, column, by_rows);
      Value* all = joined({lines.begin(), lines.end()});
      if (sum_bits() == 16)
        return void(loaded.emplace_back(reg, ir.CreateBitCast(all, FixedVectorType::get(ir.getInt32Ty(), lanes))));
      for (unsigned odd : {0u, 1u})
        loaded.emplace_back(reg + odd, ir.CreateShuffleVector(all, every_second(static_cast<int>(odd))));
    });
    for (auto [reg, words] : loaded) emitter.write(piece(instruction.operands[0], reg), words, held);
  }

  void store_sums() {
    if (instruction.operands.size() < 2 || !sums_fit(instruction.operands[1])) emitter.unsupported(instruction);
    bool by_rows = modifiers.has("row");
    find_memory(0, 2, by_rows ? shape.n : shape.m, sum_bits());
    auto words = [&](unsigned reg) {
      return emitter.splat(emitter.read(piece(instruction.operands[1], reg), sum_bits() == 64 ? Type::b64 : Type::b32));
    };
    each_tile([&](unsigned row, unsigned column, unsigned reg) {
      Value* first = words(reg);
      std::array<Value*, 8> lines{};
      for (unsigned i = 0; i < 8; ++i) {
        int lane = static_cast<int>(4 * i), second = lane + static_cast<int>(lanes);
        if (sum_bits() == 16) {
          Value* four = ir.CreateShuffleVector(first, {lane, lane + 1, lane + 2, lane + 3});
          lines[i] = ir.CreateBitCast(four, FixedVectorType::get(ir.getInt16Ty(), 8));
        } else {
          lines[i] = ir.CreateShuffleVector(
              first, words(reg + 1), {lane, second, lane + 1, second + 1, lane + 2, second + 2, lane + 3, second + 3});
        }
      }
      if (!by_rows) transpose(ir, lines);
      for (unsigned i = 0; i < 8; ++i) {
        Value* at = by_rows ? pointer(row + i, column * sum_bits() / 8, sum_bits(), outboard_writes)
                            : pointer(column + i, row * sum_bits() / 8, sum_bits(), outboard_writes);
        ir.CreateAlignedStore(lines[i], at, llvm::Align(sum_bits() / 8));
      }
    });
  }

  void multiply() {
    std::vector<Type> types = modifiers.types;
    if (types.size() == 2) types = {types[0], Type::f16, Type::f16, types[1]};
    ProductKind kind;
    kind.m = m_tile;
    kind.k = shape.k;
    kind.saturating = modifiers.has("satfinite");
    kind.bit_product = modifiers.has("and")   ? BitProduct::and_
                       : modifiers.has("xor") ? BitProduct::xor_
                                              : BitProduct::none;
    bool rounds = modifiers.rounding == ptx::Rounding::none || modifiers.rounding == ptx::Rounding::rn;
    bool known = instruction.operands.size() == 4 && rounds && add_types(kind, types) && shape_fits(kind.a.type);
    if (!known || (kind.a.type == Type::b1) != (kind.bit_product != BitProduct::none)) emitter.unsupported(instruction);
    const auto& operands = instruction.operands;
    unsigned tiles = shape.m / m_tile * (shape.n / 8);
    bool counts = piece_count(operands[1]) >= kind.a_registers() * (shape.m / m_tile) &&
                  piece_count(operands[2]) >= kind.b_registers() * (shape.n / 8) &&
                  piece_count(operands[3]) == kind.c_registers() * tiles &&
                  piece_count(operands[0]) == kind.d_registers() * tiles;
    if (!counts) emitter.unsupported(instruction, "its operands do not have the registers of this shape");
    unsigned bits = kind.a.bits == 64 ? 64 : 32, rows = shape.m / m_tile, columns = shape.n / 8;
    Registers a = sources(emitter, operands[1], rows * kind.a_registers(), area_a, bits);
    Registers b = sources(emitter, operands[2], columns * kind.b_registers(), area_b, bits);
    Registers c = sources(emitter, operands[3], tiles * kind.c_registers(), area_c, bits);
    Results d(emitter, instruction, area_d, bits, a, b, c);
    MatrixProduct product(emitter, kind);
    unsigned in_d = kind.d_registers(), in_b = kind.b_registers(), in_c = kind.c_registers();
    for (unsigned row = 0, tile = 0; row < rows; ++row) {
      product.spread(emitter.area(area_terms), part(a, row * kind.a_registers(), kind.a_registers()));
      for (unsigned column = 0; column < columns; ++column, ++tile)
        product.multiply(part(d.at, tile * in_d, in_d), emitter.area(area_terms), part(b, column * in_b, in_b),
                         part(c, tile * in_c, in_c));
    }
    d.keep();
  }
};

}  // namespace

void emit_wmma(Emitter& emitter, const Instruction& instruction) {
  Wmma wmma{emitter, instruction};
  const ptx::Modifiers& modifiers = instruction.modifiers;
  if (modifiers.has("mma")) return wmma.multiply();
  if (modifiers.has("store")) return wmma.store_sums();
  if (modifiers.has("load") && modifiers.has("c")) return wmma.load_sums();
  if (modifiers.has("load")) return wmma.load_multiplicand(modifiers.has("a"));
  emitter.unsupported(instruction);
}

}  // namespace software
