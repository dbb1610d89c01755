// What is around a product of matrices: its kinds, the terms of A, sparse places and scales. See matrix_product.h.
#include "device/software/codegen/matrix_product.h"

namespace software {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Type;

bool ProductKind::possible() const {
  if ((m != 8 && m != 16) || k == 0 || k > 256) return false;
  bool whole = kept() * a.bits % row_bits() == 0 && k * b.bits % row_bits() == 0;
  return whole && a.bits == b.bits && tiles() >= 1 && tiles() <= 4;
}

std::string ProductKind::name() const {
  auto number = [](auto value) { return "." + std::to_string(static_cast<unsigned>(value)); };
  return number(m) + number(k) + number(d) + number(c) + number(a.type) + number(b.type) + number(a.bits) +
         number(sparse) + number(saturating) + number(bit_product) + number(blocks);
}

bool add_types(ProductKind& kind, const std::vector<Type>& types) {
  if (types.size() < 4) return false;
  kind.d = types[0];
  kind.c = types[3];
  if (!numbers_of(types[1], !kind.packed, kind.sparse, kind.a)) return false;
  if (!numbers_of(types[2], !kind.packed, kind.sparse, kind.b)) return false;
  auto sums = [&](Type type) {
    switch (kind.a.terms) {
      case Terms::singles: return type == Type::f32 || type == Type::f16;
      case Terms::doubles: return type == Type::f64;
      default: return type == Type::s32;
    }
  };
  bool integers = kind.a.terms == Terms::pairs || kind.a.terms == Terms::integers;
  if ((kind.saturating && !integers) || (kind.blocks && kind.a.terms != Terms::singles)) return false;
  return kind.a.terms == kind.b.terms && sums(kind.d) && sums(kind.c) && kind.possible();
}

// Halves are widened as they lie, element after element; all others term by term.
bool MatrixProduct::widened_in_place() const { return kind_.a.type == Type::f16 && !kind_.sparse; }

uint64_t MatrixProduct::term_index(unsigned reg, unsigned lane, unsigned term) const {
  unsigned count = terms_per_word();
  return widened_in_place() ? (reg * lanes + lane) * count + term : (reg * count + term) * lanes + lane;
}

llvm::Function* MatrixProduct::function(const std::string& name, size_t pointers, bool& fresh) const {
  llvm::Module& module = emitter_.module();
  std::string whole = name + kind_.name();
  llvm::Function* made = module.getFunction(whole);
  fresh = !made;
  if (made) return made;
  std::vector<llvm::Type*> types(pointers, emitter_.ir.getPtrTy());
  made = llvm::Function::Create(llvm::FunctionType::get(emitter_.ir.getVoidTy(), types, false),
                                llvm::Function::InternalLinkage, whole, module);
  made->addFnAttr(llvm::Attribute::NoUnwind);
  made->addFnAttr(llvm::Attribute::NoInline);
  made->addFnAttr("denormal-fp-math", "ieee,ieee");
  return made;
}

void MatrixProduct::spread(Value* terms, const Registers& a) {
  bool fresh;
  llvm::Function* callee = function("matrix.spread", 1 + a.size(), fresh);
  if (fresh) build_spread(*callee);
  std::vector<Value*> arguments{terms};
  arguments.insert(arguments.end(), a.begin(), a.end());
  emitter_.ir.CreateCall(callee, arguments);
}

void MatrixProduct::build_spread(llvm::Function& function) const {
  auto& context = function.getContext();
  llvm::IRBuilder<> ir(llvm::BasicBlock::Create(context, "entry", &function));
  auto* word = FixedVectorType::get(kind_.a.word_type(context), lanes);
  for (unsigned reg = 0; reg < kind_.a_registers(); ++reg) {
    auto at = [&](unsigned term) {
      return ir.CreateConstGEP1_64(term_type(), function.getArg(0), term_index(reg, 0, term));
    };
    Value* words = ir.CreateLoad(word, function.getArg(1 + reg));
    if (widened_in_place()) {
      Value* halves = ir.CreateBitCast(words, FixedVectorType::get(ir.getHalfTy(), 2 * lanes));
      ir.CreateStore(ir.CreateFPExt(halves, FixedVectorType::get(ir.getFloatTy(), 2 * lanes)), at(0));
      continue;
    }
    auto values = kind_.a.of_words(ir, words);
    for (unsigned term = 0; term < values.size(); ++term) ir.CreateStore(values[term], at(term));
  }
  ir.CreateRetVoid();
}

void MatrixProduct::multiply(const Registers& d, Value* terms, const Registers& b, const Registers& c, Value* places,
                             Value* scales) {
  auto* nowhere = llvm::PoisonValue::get(emitter_.ir.getPtrTy());
  std::vector<Value*> arguments{terms, places ? places : nowhere, scales ? scales : nowhere};
  for (const Registers* list : {&d, &b, &c}) arguments.insert(arguments.end(), list->begin(), list->end());
  bool fresh;
  llvm::Function* callee = function("matrix.multiply", arguments.size(), fresh);
  if (fresh) build_multiply(*callee);
  emitter_.ir.CreateCall(callee, arguments);
}

// PTX ISA, "Sparse matrix storage": of four neighbours two are kept; four bits of metadata name them. A neighbour is
// an element of 16 or of 8 bits, half an element of .tf32, two elements of 4 bits. A word of metadata describes 16 of
// them of two rows, the second one 8 below, or 32 of one row.
void MatrixProduct::place_terms(Value* places, Value* metadata, unsigned selector) {
  auto& ir = emitter_.ir;
  unsigned unit = kind_.a.bits >= 16 ? 16 : 8;
  unsigned kept_units = kind_.kept() * kind_.a.bits / unit;  // of a row
  bool two_rows = unit == 16;
  unsigned words = two_rows ? kept_units / 8 : kept_units / 16;  // of a row
  unsigned holders = two_rows ? words : 2 * words;               // lanes of four that hold metadata
  uint64_t row_bytes = 8 * term_type()->getPrimitiveSizeInBits() / 8;
  for (unsigned reg = 0; reg < kind_.a_registers(); ++reg)
    for (unsigned term = 0; term < terms_per_word(); ++term) {
      std::array<int, lanes> from{};
      std::vector<uint32_t> shift(lanes), first(lanes);
      for (unsigned lane = 0; lane < lanes; ++lane) {
        unsigned half = reg % (kind_.m / 8), tile = reg / (kind_.m / 8);
        unsigned element = (tile * 4 + lane % 4) * kind_.a.elements_per_word() + term;  // of the kept ones
        unsigned kept = element * kind_.a.bits / unit, group = kept / 2;                // in neighbours
        unsigned in_word = two_rows ? group % 4 + 4 * half : group % 8, word = two_rows ? group / 4 : group / 8;
        unsigned holder = two_rows ? word : 2 * word + half;
        from[lane] = static_cast<int>(lane / 4 * 4 + (selector * holders + holder) % 4);
        shift[lane] = 4 * in_word + 2 * (kept % 2);
        first[lane] = 4 * group;
      }
      Value* bits = ir.CreateShuffleVector(metadata, from);
      bits = ir.CreateLShr(bits, llvm::ConstantDataVector::get(ir.getContext(), shift));
      Value* unit_place = ir.CreateAdd(ir.CreateAnd(bits, emitter_.like(bits, 3)),
                                       llvm::ConstantDataVector::get(ir.getContext(), first));
      Value* element = unit_place;
      if (kind_.a.bits == 32) element = ir.CreateLShr(unit_place, emitter_.like(unit_place, 1));
      if (kind_.a.bits == 4)
        element =
            ir.CreateAdd(ir.CreateShl(unit_place, emitter_.like(unit_place, 1)), emitter_.like(unit_place, term % 2));
      Value* offset = ir.CreateMul(element, emitter_.like(element, row_bytes));
      ir.CreateStore(offset, ir.CreateConstGEP1_64(ir.getInt32Ty(), places, term_index(reg, 0, term)));
    }
}

// PTX ISA, "Block Scaling for mma.sync". 2^(x - 127) is a float's exponent; that of 0 is subnormal.
Value* MatrixProduct::scale_of(Value* words, Type type) {
  auto& ir = emitter_.ir;
  Value* byte = ir.CreateAnd(words, emitter_.like(words, 0xff));
  if (type == Type::ue4m3) return small_floats(ir, byte, type);
  Value* bits = ir.CreateShl(byte, emitter_.like(byte, 23));
  bits = ir.CreateSelect(ir.CreateICmpEQ(byte, emitter_.like(byte, 0)), emitter_.like(byte, 0x00400000), bits);
  bits = ir.CreateSelect(ir.CreateICmpEQ(byte, emitter_.like(byte, 0xff)), emitter_.like(byte, 0x7fffffff), bits);
  return ir.CreateBitCast(bits, bits->getType()->getWithNewType(ir.getFloatTy()));
}

void MatrixProduct::scale_terms(Value* terms, Value* scales, Type type) {
  auto& ir = emitter_.ir;
  for (unsigned reg = 0; reg < kind_.a_registers(); ++reg)
    for (unsigned term = 0; term < terms_per_word(); ++term) {
      std::array<int, lanes> from{};
      std::vector<uint32_t> shift(lanes);
      for (unsigned lane = 0; lane < lanes; ++lane) {
        unsigned half = reg % (kind_.m / 8), tile = reg / (kind_.m / 8);
        unsigned element = (tile * 4 + lane % 4) * kind_.a.elements_per_word() + term;
        from[lane] = static_cast<int>(8 * half + lane / 4);
        shift[lane] = 8 * (element * kind_.blocks / kind_.kept());
      }
      Value* words = ir.CreateShuffleVector(scales, from);
      words = ir.CreateLShr(words, llvm::ConstantDataVector::get(ir.getContext(), shift));
      Value* at = ir.CreateConstGEP1_64(term_type(), terms, term_index(reg, 0, term));
      Value* term_values = ir.CreateLoad(FixedVectorType::get(term_type(), lanes), at);
      ir.CreateStore(ir.CreateFMul(term_values, scale_of(words, type)), at);
    }
}

}  // namespace software
