// A product of small matrices, D = A * B + C, whose fragments lie in memory as a warp's registers do: each register as
// 32 words, lane after lane (PTX ISA, "Matrix Fragments for mma"). Every shape but .m8n8k4 of .f16
// spreads its elements alike, which the code here builds on:
//
//   A: register r holds rows 8 * (r % (m / 8)) to + 7, four words of a row in the lanes 4 * row to + 3
//   B: the same of B's columns;  C, D: lane 4 * row + i holds columns 2 * i and 2 * i + 1
//
// The code of a product is a function of its own, made once per module, for it is long.
#pragma once
#include <array>

#include "device/software/codegen/emitter.h"
#include "device/software/codegen/matrix_numbers.h"

namespace software {

using Registers = std::vector<llvm::Value*>;  // pointers to 32 words each

enum class BitProduct : uint8_t { none, and_, xor_ };

struct ProductKind {
  unsigned m = 0, k = 0;  // n is 8
  ptx::Type d{}, c{};
  Numbers a{}, b{};
  bool sparse = false;  // A's registers hold two of four elements
  bool packed = false;  // .e2m1 takes four bits, not a byte
  bool saturating = false;
  BitProduct bit_product = BitProduct::none;
  unsigned blocks = 0;  // parts of k with scales of their own; 0: none

  unsigned kept() const { return sparse ? k / 2 : k; }             // elements of a row of A in its registers
  unsigned tiles() const { return kept() * a.bits / row_bits(); }  // registers of A along a row
  unsigned b_registers() const { return k * b.bits / row_bits(); }
  unsigned a_registers() const { return tiles() * m / 8; }
  unsigned c_registers() const { return c == ptx::Type::f16 ? m / 8 : m / 4; }
  unsigned d_registers() const { return d == ptx::Type::f16 ? m / 8 : m / 4; }
  bool possible() const;
  std::string name() const;

 private:
  unsigned row_bits() const { return a.bits == 64 ? 256 : 128; }
};

// Adds the types of D, A, B and C to shape and flags; false: there is no such product.
bool add_types(ProductKind& kind, const std::vector<ptx::Type>& types);

class MatrixProduct {
 public:
  using Value = llvm::Value;
  MatrixProduct(Emitter& emitter, const ProductKind& kind) : emitter_(emitter), kind_(kind) {}

  // A's registers become the terms that multiply() reads.
  void spread(Value* terms, const Registers& a);
  // `places`: of a sparse product, which rows of B the terms belong to (place_terms). `scales`: of B's blocks, 8 floats
  // each, in the order of the columns' sums.
  void multiply(const Registers& d, Value* terms, const Registers& b, const Registers& c, Value* places = nullptr,
                Value* scales = nullptr);

  // From metadata, a word per lane: writes `places`. The selector says which of four lanes hold them.
  void place_terms(Value* places, Value* metadata, unsigned selector);
  // Scales A's terms: row r's scales are the bytes of word r of `scales`, <16 x i32>.
  void scale_terms(Value* terms, Value* scales, ptx::Type type);

  // Floats of the lowest bytes of words of scales.
  Value* scale_of(Value* words, ptx::Type type);

  // The order in which sums of a row are kept: even columns first, so that four lanes' registers are one vector.
  static unsigned column_at(unsigned place) { return place < 4 ? 2 * place : 2 * place - 7; }

 private:
  bool widened_in_place() const;
  unsigned terms_per_word() const { return kind_.a.terms_per_word(); }
  llvm::Type* term_type() const { return kind_.a.term_type(emitter_.ir.getContext()); }
  uint64_t term_index(unsigned reg, unsigned lane, unsigned term) const;
  llvm::Function* function(const std::string& name, size_t pointers, bool& fresh) const;

  void build_spread(llvm::Function& function) const;
  void build_multiply(llvm::Function& function) const;

  Emitter& emitter_;
  const ProductKind kind_;
};

}  // namespace software
