// The elements of matrices: 32-bit words that hold one or several of them, and the numbers that products compute with.
#pragma once
#include <llvm/IR/IRBuilder.h>

#include <vector>

#include "device/software/ptx/ast.h"

namespace software {

// What the sums of a product are made of, one term after the other.
enum class Terms : uint8_t {
  singles,   // floats, one per element
  doubles,   // one per element of .f64
  pairs,     // of integers of 16 bits in one word, for products that add two at a time
  integers,  // of 32 bits, one per element
  words,     // 32 elements of .b1
};

struct Numbers {
  ptx::Type type;
  unsigned bits;  // that an element takes in a register: .e2m1 takes 8 of them beside other types
  Terms terms;

  unsigned elements_per_word() const { return bits >= 32 ? 1 : 32 / bits; }
  unsigned terms_per_word() const {
    return terms == Terms::words ? 1 : terms == Terms::pairs ? elements_per_word() / 2 : elements_per_word();
  }
  llvm::Type* term_type(llvm::LLVMContext& context) const;
  llvm::Type* word_type(llvm::LLVMContext& context) const;  // i64 for .f64
  // Of a vector of words: term 0 of all words, term 1 of all words, ...; which elements a pair holds is the same for
  // all integers.
  std::vector<llvm::Value*> of_words(llvm::IRBuilder<>& ir, llvm::Value* words) const;
};

// Whether products can be made of the type, and with what terms; a sparse product picks single elements.
bool numbers_of(ptx::Type type, bool narrow_in_bytes, bool sparse, Numbers& numbers);
// A vector of words whose lowest bits are numbers of 8 or fewer bits (OCP 8-bit and MX formats), as floats.
llvm::Value* small_floats(llvm::IRBuilder<>& ir, llvm::Value* words, ptx::Type type);

}  // namespace software
