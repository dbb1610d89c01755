// The function that multiplies: rows of sums, eight columns wide, to which each step adds a term of A times a row of B.
//
// The ISA leaves the order of the sums of floats open, but for .f64. Here each is rounded as fma rounds, in order of k,
// in single precision, or in double for .f64; C comes first. Integers are exact.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "device/software/codegen/processor.h"
#include "device/software/codegen/matrix_product.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Type;

constexpr unsigned columns = 8;

// The two products of halves of words, added: one instruction of x86.
Value* pair_products(llvm::IRBuilder<>& ir, Value* a, Value* b) {
  auto* halves = FixedVectorType::get(ir.getInt16Ty(), 2 * columns);
  if (has_instructions("avx2"))
    return ir.CreateIntrinsic(llvm::Intrinsic::x86_avx2_pmadd_wd, {},
                              {ir.CreateBitCast(a, halves), ir.CreateBitCast(b, halves)});
  Value* sixteen = llvm::ConstantInt::get(a->getType(), 16);
  auto low = [&](Value* words) { return ir.CreateAShr(ir.CreateShl(words, sixteen), sixteen); };
  Value* products = ir.CreateMul(low(a), low(b));
  return ir.CreateAdd(products, ir.CreateMul(ir.CreateAShr(a, sixteen), ir.CreateAShr(b, sixteen)));
}

struct Multiplication {
  llvm::Function& function;
  const ProductKind& kind;
  const std::function<uint64_t(unsigned lane, unsigned term)>& term_in_register;
  llvm::IRBuilder<> ir{llvm::BasicBlock::Create(function.getContext(), "entry", &function)};
  llvm::Type* term = kind.a.term_type(function.getContext());
  llvm::Type* row = FixedVectorType::get(term, columns);
  unsigned terms = kind.a.terms_per_word();
  uint64_t register_terms = static_cast<uint64_t>(lanes) * terms;
  Value* rows_of_b = ir.CreateAlloca(llvm::ArrayType::get(row, size_t{4} * terms * kind.b_registers()));

  Value* argument(unsigned i) { return function.getArg(i); }  // terms, places, scales; then the registers of D, B, C
  Value *d = table(3, kind.d_registers()), *b = table(3 + kind.d_registers(), kind.b_registers()),
        *c = table(3 + kind.d_registers() + kind.b_registers(), kind.c_registers());

  // Registers that a loop counts through.
  Value* table(unsigned first, unsigned count) {
    Value* pointers = ir.CreateAlloca(llvm::ArrayType::get(ir.getPtrTy(), count));
    for (unsigned i = 0; i < count; ++i) ir.CreateStore(argument(first + i), at(ir.getPtrTy(), pointers, i));
    return pointers;
  }
  Value* entry(Value* pointers, Value* index, unsigned scale = 1, unsigned plus = 0) {
    Value* place = at(ir.getPtrTy(), at(ir.getPtrTy(), pointers, index, scale), plus);
    return ir.CreateLoad(ir.getPtrTy(), place);
  }
  Value* at(llvm::Type* type, Value* base, uint64_t index) { return ir.CreateConstGEP1_64(type, base, index); }
  Value* at(llvm::Type* type, Value* base, Value* index, uint64_t scale) {
    return ir.CreateGEP(type, base, ir.CreateMul(index, ir.getInt64(scale)));
  }

  // Code in a loop is a fraction of the code without, and so is the time to make it.
  void loop(unsigned times, const std::function<void(Value* index)>& body) {
    if (times == 1) return body(ir.getInt64(0));
    auto* before = ir.GetInsertBlock();
    auto* inside = llvm::BasicBlock::Create(ir.getContext(), "loop", &function);
    auto* after = llvm::BasicBlock::Create(ir.getContext(), "after", &function);
    ir.CreateBr(inside);
    ir.SetInsertPoint(inside);
    auto* index = ir.CreatePHI(ir.getInt64Ty(), 2);
    index->addIncoming(ir.getInt64(0), before);
    body(index);
    Value* next = ir.CreateAdd(index, ir.getInt64(1));
    index->addIncoming(next, ir.GetInsertBlock());
    ir.CreateCondBr(ir.CreateICmpULT(next, ir.getInt64(times)), inside, after);
    ir.SetInsertPoint(after);
  }

  // As terms, in the order of the sums' columns.
  void bring_b() {
    auto* words = FixedVectorType::get(kind.b.word_type(function.getContext()), lanes);
    unsigned count = 4 * terms;  // rows from one register
    loop(kind.b_registers(), [&](Value* reg) {
      Value* whole = ir.CreateLoad(words, entry(b, reg));
      unsigned step = 0;
      for (unsigned word = 0; word < 4; ++word) {
        std::array<int, columns> from{};
        for (unsigned i = 0; i < columns; ++i) from[i] = static_cast<int>(4 * MatrixProduct::column_at(i) + word);
        for (Value* values : kind.b.of_words(ir, ir.CreateShuffleVector(whole, from))) {
          if (kind.blocks) values = ir.CreateFMul(values, scale(reg, step));
          ir.CreateStore(values, at(row, at(row, rows_of_b, reg, count), step++));
        }
      }
    });
  }
  Value* scale(Value* reg, unsigned step) {
    unsigned per_register = kind.blocks / kind.b_registers();  // or several registers have one
    Value* block = ir.CreateUDiv(ir.CreateMul(reg, ir.getInt64(kind.blocks)), ir.getInt64(kind.b_registers()));
    block = ir.CreateAdd(block, ir.getInt64(step * per_register / (4 * terms)));
    return ir.CreateLoad(row, ir.CreateGEP(row, argument(2), block));
  }

  // Lanes 4 * r to + 3 hold row r: its even columns in one register, its odd ones in the next; halves lie in pairs.
  Value* sums_before(Value* half, unsigned r) {
    if (kind.c == Type::f16) {
      auto* halves = FixedVectorType::get(ir.getHalfTy(), columns);
      Value* pairs = ir.CreateLoad(halves, at(ir.getInt32Ty(), entry(c, half), 4 * r));
      std::array<int, columns> order{};
      for (unsigned i = 0; i < columns; ++i) order[i] = static_cast<int>(MatrixProduct::column_at(i));
      return ir.CreateFPExt(ir.CreateShuffleVector(pairs, order), row);
    }
    auto* four = FixedVectorType::get(term, columns / 2);
    Value* even = ir.CreateLoad(four, at(term, entry(c, half, 2), 4 * r));
    Value* odd = ir.CreateLoad(four, at(term, entry(c, half, 2, 1), 4 * r));
    return ir.CreateShuffleVector(even, odd, {0, 1, 2, 3, 4, 5, 6, 7});
  }

  void keep_sums(Value* half, unsigned r, Value* sums) {
    if (kind.d == Type::f16) {
      Value* pairs = ir.CreateShuffleVector(sums, {0, 4, 1, 5, 2, 6, 3, 7});
      ir.CreateStore(ir.CreateFPTrunc(pairs, FixedVectorType::get(ir.getHalfTy(), columns)),
                     at(ir.getInt32Ty(), entry(d, half), 4 * r));
      return;
    }
    ir.CreateStore(ir.CreateShuffleVector(sums, {0, 1, 2, 3}), at(term, entry(d, half, 2), 4 * r));
    ir.CreateStore(ir.CreateShuffleVector(sums, {4, 5, 6, 7}), at(term, entry(d, half, 2, 1), 4 * r));
  }

  // Processors without a fused product add after it: the same where the product is exact, as it is but for .tf32 and
  // .bf16 that leave the range of floats.
  Value* with_product(Value* sums, Value* a, Value* b) {
    switch (kind.a.terms) {
      case Terms::singles:
        if (!has_instructions("fma")) return ir.CreateFAdd(ir.CreateFMul(a, b), sums);
        [[fallthrough]];
      case Terms::doubles: return ir.CreateIntrinsic(llvm::Intrinsic::fma, {row}, {a, b, sums});
      case Terms::pairs: return ir.CreateAdd(sums, pair_products(ir, a, b));
      case Terms::integers: return ir.CreateAdd(sums, ir.CreateMul(a, b));
      case Terms::words: break;
    }
    Value* bits = kind.bit_product == BitProduct::and_ ? ir.CreateAnd(a, b) : ir.CreateXor(a, b);
    return ir.CreateAdd(sums, ir.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, bits));
  }

  // Adds the terms of one word to the sums of rows `first` and the next.
  void add_word(Value* half, Value* tile, Value* word, unsigned first, std::vector<Value*>& sums) {
    Value* reg = ir.CreateAdd(half, ir.CreateMul(tile, ir.getInt64(kind.m / 8)));
    auto of_word = [&](llvm::Type* type, Value* base) {
      return at(type, at(type, base, reg, register_terms), word, term_in_register(1, 0));
    };
    Value *a = of_word(term, argument(0)), *places = kind.sparse ? of_word(ir.getInt32Ty(), argument(1)) : nullptr;
    Value* rows = at(row, at(row, rows_of_b, tile, size_t{4} * terms), word, terms);
    for (unsigned step = 0; step < terms; ++step)
      for (unsigned i = 0; i < sums.size(); ++i) {
        uint64_t index = term_in_register(4 * (first + i), step);
        Value* left = ir.CreateVectorSplat(columns, ir.CreateLoad(term, at(term, a, index)));
        Value* from = at(row, rows, step);
        if (kind.sparse) {
          Value* offset = ir.CreateLoad(ir.getInt32Ty(), at(ir.getInt32Ty(), places, index));
          from = ir.CreateGEP(ir.getInt8Ty(), rows_of_b, ir.CreateZExt(offset, ir.getInt64Ty()));
        }
        sums[i] = with_product(sums[i], left, ir.CreateLoad(row, from));
      }
  }

  void multiply_rows(Value* half, unsigned first, unsigned count) {
    std::vector<Value*> kept, sums;
    for (unsigned i = 0; i < count; ++i) {
      kept.push_back(sum_rooms.at(i));
      ir.CreateStore(kind.saturating ? llvm::Constant::getNullValue(row) : sums_before(half, first + i), kept[i]);
    }
    loop(kind.tiles(), [&](Value* tile) {
      loop(4, [&](Value* word) {
        sums.clear();
        for (Value* room : kept) sums.push_back(ir.CreateLoad(row, room));
        add_word(half, tile, word, first, sums);
        for (unsigned i = 0; i < count; ++i) ir.CreateStore(sums[i], kept[i]);
      });
    });
    for (unsigned i = 0; i < count; ++i) {
      Value* total = ir.CreateLoad(row, kept[i]);
      if (kind.saturating)  // once: the exact sum of the products fits
        total = ir.CreateBinaryIntrinsic(llvm::Intrinsic::sadd_sat, total, sums_before(half, first + i));
      keep_sums(half, first + i, total);
    }
  }

  std::vector<Value*> sum_rooms{};

  void build() {
    unsigned count = kind.a.terms == Terms::doubles ? 4 : 8;  // sums that fit into registers
    for (unsigned i = 0; i < count; ++i) sum_rooms.push_back(ir.CreateAlloca(row));
    bring_b();
    loop(kind.m / 8, [&](Value* half) {
      for (unsigned first = 0; first < 8; first += count) multiply_rows(half, first, count);
    });
    ir.CreateRetVoid();
  }
};

}  // namespace

void MatrixProduct::build_multiply(llvm::Function& function) const {
  std::function<uint64_t(unsigned, unsigned)> place = [this](unsigned lane, unsigned term) {
    return term_index(0, lane, term);
  };
  Multiplication{function, kind_, place}.build();
}

}  // namespace software
