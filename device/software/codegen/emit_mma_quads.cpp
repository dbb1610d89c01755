// mma.m8n8k4 of .f16: four products at once, one of each pair of quads: lanes 4 * q to + 3 and those 16 above (PTX ISA,
// "Matrix Fragments for mma.m8n8k4 with .f16 floating point type").
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/matrix.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Instruction;
using ptx::Type;

struct Place {
  unsigned lane, element;
};

struct Quads {
  Emitter& emitter;
  const Instruction& instruction;
  llvm::IRBuilder<>& ir = emitter.ir;
  const std::vector<Type>& types = instruction.modifiers.types;  // d, a, b, c
  llvm::Type* floats = FixedVectorType::get(ir.getFloatTy(), lanes);

  static unsigned lane_of(unsigned lane, unsigned index) {  // that holds row or column `index` of this lane's product
    return lane % 16 / 4 * 4 + index % 4 + (index >= 4 ? 16 : 0);
  }
  // The four elements of a lane lie along k, or across it.
  static Place place(unsigned lane, unsigned index, unsigned k, bool along) {
    return along ? Place{lane_of(lane, index), k} : Place{lane_of(lane, k + (index >= 4 ? 4 : 0)), index % 4};
  }
  static unsigned row(unsigned lane, unsigned element, Type type) {
    unsigned first = lane >= 16 ? 4 : 0;
    return type == Type::f16 ? first + lane % 4 : first + lane % 2 + (element & 2);
  }
  static unsigned column(unsigned lane, unsigned element, Type type) {
    return type == Type::f16 ? element : (element & 4) + (lane & 2) + (element & 1);
  }

  std::vector<Value*> numbers(const ptx::Operand& operand, Type type) {
    Numbers halves{Type::f16, 16, Terms::singles};
    std::vector<Value*> values;
    for (size_t i = 0; i < piece_count(operand); ++i) {
      Value* words = emitter.splat(emitter.read(piece(operand, i), Type::b32));
      if (type == Type::f32)
        values.push_back(ir.CreateBitCast(words, floats));
      else
        for (Value* value : halves.of_words(ir, words)) values.push_back(value);
    }
    return values;
  }

  Value* picked(const std::vector<Value*>& values, const std::function<Place(unsigned lane)>& place) {
    Value* result = llvm::Constant::getNullValue(floats);
    for (unsigned element = 0; element < values.size(); ++element) {
      std::vector<int> from(lanes);
      bool any = false;
      for (unsigned lane = 0; lane < lanes; ++lane) {
        Place at = place(lane);
        bool here = at.element == element;
        any = any || here;
        from[lane] = here ? static_cast<int>(at.lane) : static_cast<int>(lanes + lane);
      }
      if (any) result = ir.CreateShuffleVector(values[element], result, from);
    }
    return result;
  }

  void store(const std::vector<Value*>& sums) {
    const ptx::Operand& d = instruction.operands[0];
    for (size_t i = 0; i < piece_count(d); ++i) {
      if (types[0] == Type::f32) {
        emitter.write(piece(d, i), emitter.as_bits(sums[i], 32), Type::b32);
        continue;
      }
      auto half = [&](Value* value) {
        Value* bits = emitter.as_bits(ir.CreateFPTrunc(value, FixedVectorType::get(ir.getHalfTy(), lanes)), 16);
        return ir.CreateZExt(bits, bits->getType()->getWithNewBitWidth(32));
      };
      Value *low = half(sums[2 * i]), *high = half(sums[2 * i + 1]);
      emitter.write(piece(d, i), ir.CreateOr(low, ir.CreateShl(high, emitter.like(high, 16))), Type::b32);
    }
  }

  // The layouts of A and B, in the order of the words.
  bool layout(unsigned which, const char* name) const {
    for (const std::string& word : instruction.modifiers.words)
      if ((word == "row" || word == "col") && which-- == 0) return word == name;
    return false;
  }

  bool known() const {
    auto real = [](Type type) { return type == Type::f16 || type == Type::f32; };
    if (types.size() != 4 || instruction.operands.size() != 4 || !real(types[0]) || !real(types[3])) return false;
    auto registers = [](Type type) { return type == Type::f16 ? 4u : 8u; };
    return types[1] == Type::f16 && types[2] == Type::f16 && piece_count(instruction.operands[1]) == 2 &&
           piece_count(instruction.operands[2]) == 2 && piece_count(instruction.operands[0]) == registers(types[0]) &&
           piece_count(instruction.operands[3]) == registers(types[3]);
  }

  void run() {
    if (!known()) emitter.unsupported(instruction);
    auto a = numbers(instruction.operands[1], Type::f16), b = numbers(instruction.operands[2], Type::f16);
    auto c = numbers(instruction.operands[3], types[3]);
    bool a_along = layout(0, "row"), b_along = layout(1, "col");
    std::vector<Value*> sums;
    for (unsigned element = 0; element < 8; ++element) {
      auto at = [&](unsigned lane) { return std::pair(row(lane, element, types[0]), column(lane, element, types[0])); };
      Value* sum = picked(c, [&](unsigned lane) {
        auto [i, j] = at(lane);
        for (unsigned other = 0; other < lanes; ++other)
          for (unsigned e = 0; e < 8; ++e)
            if (other % 16 / 4 == lane % 16 / 4 && row(other, e, types[3]) == i && column(other, e, types[3]) == j)
              return Place{other, e};
        return Place{0, 0};
      });
      for (unsigned k = 0; k < 4; ++k) {
        Value* left = picked(a, [&](unsigned lane) { return place(lane, at(lane).first, k, a_along); });
        Value* right = picked(b, [&](unsigned lane) { return place(lane, at(lane).second, k, b_along); });
        sum = ir.CreateIntrinsic(llvm::Intrinsic::fma, {floats}, {left, right, sum});
      }
      sums.push_back(sum);
    }
    store(sums);
  }
};

}  // namespace

void emit_mma_of_quads(Emitter& emitter, const Instruction& instruction) { Quads{emitter, instruction}.run(); }

}  // namespace software
