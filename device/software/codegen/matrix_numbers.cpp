// Elements of matrices as numbers; see matrix_numbers.h.
#include "device/software/codegen/matrix_numbers.h"

#include <llvm/IR/Intrinsics.h>

namespace software {
namespace {

using llvm::Value;
using ptx::Type;

Value* number(Value* like, uint64_t value) { return llvm::ConstantInt::get(like->getType(), value); }
llvm::Type* elements(Value* like, llvm::Type* element) { return like->getType()->getWithNewType(element); }

// The low halves of words, which hold numbers of half precision.
Value* halves(llvm::IRBuilder<>& ir, Value* words) {
  Value* narrow = ir.CreateTrunc(words, elements(words, ir.getInt16Ty()));
  return ir.CreateFPExt(ir.CreateBitCast(narrow, elements(words, ir.getHalfTy())), elements(words, ir.getFloatTy()));
}

// (-1)^sign * 1.fraction * 2^(exponent - bias): PTX ISA, "Alternate Floating-Point Data Formats".
struct Small {
  Type type;
  int exponent_bits, fraction_bits, bias;
  unsigned first_bit;  // of the byte that holds it
};
constexpr Small smalls[] = {{Type::e4m3, 4, 3, 7, 0}, {Type::e5m2, 5, 2, 15, 0}, {Type::ue4m3, 4, 3, 7, 0},
                            {Type::e2m3, 2, 3, 1, 0}, {Type::e3m2, 3, 2, 3, 0},  {Type::e2m1, 2, 1, 1, 2}};

const Small* small_named(Type type) {
  for (const Small& small : smalls)
    if (small.type == type) return &small;
  return nullptr;
}

}  // namespace

llvm::Type* Numbers::term_type(llvm::LLVMContext& context) const {
  return terms == Terms::singles   ? llvm::Type::getFloatTy(context)
         : terms == Terms::doubles ? llvm::Type::getDoubleTy(context)
                                   : static_cast<llvm::Type*>(llvm::Type::getInt32Ty(context));
}

llvm::Type* Numbers::word_type(llvm::LLVMContext& context) const {
  return llvm::Type::getIntNTy(context, terms == Terms::doubles ? 64 : 32);
}

bool numbers_of(Type type, bool narrow_in_bytes, bool sparse, Numbers& numbers) {
  Terms whole = sparse ? Terms::integers : Terms::pairs;
  switch (type) {
    case Type::f16:
    case Type::bf16: numbers = {type, 16, Terms::singles}; return true;
    case Type::tf32: numbers = {type, 32, Terms::singles}; return true;
    case Type::f64: numbers = {type, 64, Terms::doubles}; return !sparse;
    case Type::e4m3:
    case Type::e5m2: numbers = {type, 8, Terms::singles}; return true;
    case Type::e2m3:
    case Type::e3m2: numbers = {type, 8, Terms::singles}; return narrow_in_bytes;
    case Type::e2m1: numbers = {type, narrow_in_bytes ? 8u : 4u, Terms::singles}; return true;
    case Type::s8:
    case Type::u8: numbers = {type, 8, whole}; return true;
    case Type::s4:
    case Type::u4: numbers = {type, 4, whole}; return true;
    case Type::b1: numbers = {type, 1, Terms::words}; return !sparse;
    default: return false;
  }
}

Value* small_floats(llvm::IRBuilder<>& ir, Value* words, Type type) {
  const Small& format = *small_named(type);
  unsigned width = static_cast<unsigned>(format.exponent_bits + format.fraction_bits);
  // As a half: the fraction at its place, and a bias that a product with a power of two puts right.
  Value* magnitude = ir.CreateAnd(words, number(words, (1u << width) - 1));
  Value* bits = ir.CreateShl(magnitude, number(words, static_cast<unsigned>(10 - format.fraction_bits)));
  if (type != Type::ue4m3) {
    Value* sign = ir.CreateAnd(words, number(words, 1u << width));
    bits = ir.CreateOr(bits, ir.CreateShl(sign, number(words, 15 - width)));
  }
  Value* value = halves(ir, bits);
  int exponent = 15 - format.bias;
  if (exponent != 0)
    value = ir.CreateFMul(value, llvm::ConstantFP::get(value->getType(), static_cast<double>(1 << exponent)));
  if (type != Type::e4m3 && type != Type::ue4m3) return value;
  // No infinities, and one NaN.
  return ir.CreateSelect(ir.CreateICmpEQ(magnitude, number(words, 0x7f)), llvm::ConstantFP::getNaN(value->getType()),
                         value);
}

std::vector<Value*> Numbers::of_words(llvm::IRBuilder<>& ir, Value* words) const {
  if (terms == Terms::words) return {words};
  if (terms == Terms::doubles) return {ir.CreateBitCast(words, elements(words, ir.getDoubleTy()))};
  // Hardware reads the upper 19 bits of .tf32.
  if (type == Type::tf32)
    return {ir.CreateBitCast(ir.CreateAnd(words, number(words, 0xffffe000)), elements(words, ir.getFloatTy()))};
  std::vector<Value*> values;
  for (unsigned i = 0; i < terms_per_word(); ++i) {
    if (terms == Terms::pairs) {  // element i of each half of a word, in 16 bits
      auto* half =
          llvm::VectorType::get(ir.getInt16Ty(), llvm::cast<llvm::VectorType>(words->getType())->getElementCount() * 2);
      Value* up = ir.CreateBitCast(words, half);
      up = ir.CreateShl(up, number(up, 16 - bits * (i + 1)));
      Value* by = number(up, 16 - bits);
      values.push_back(
          ir.CreateBitCast(ptx::is_signed(type) ? ir.CreateAShr(up, by) : ir.CreateLShr(up, by), words->getType()));
    } else if (terms == Terms::integers) {
      Value *up = ir.CreateShl(words, number(words, 32 - bits * (i + 1))), *by = number(words, 32 - bits);
      values.push_back(ptx::is_signed(type) ? ir.CreateAShr(up, by) : ir.CreateLShr(up, by));
    } else if (type == Type::bf16) {
      Value* up = i == 0 ? ir.CreateShl(words, number(words, 16)) : ir.CreateAnd(words, number(words, 0xffff0000));
      values.push_back(ir.CreateBitCast(up, elements(words, ir.getFloatTy())));
    } else {
      unsigned first = bits * i + (bits == 8 && type != Type::f16 ? small_named(type)->first_bit : 0);
      Value* down = ir.CreateLShr(words, number(words, first));
      values.push_back(type == Type::f16 ? halves(ir, down) : small_floats(ir, down, type));
    }
  }
  return values;
}

}  // namespace software
