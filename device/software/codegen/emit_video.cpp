// Video instructions (PTX ISA, "Video Instructions"): arithmetic on bytes and halves of registers, chosen by
// selectors. Scalar ones compute in 64 bits (vmad in 128), SIMD ones lane by lane in 32.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

namespace id = llvm::Intrinsic;
using llvm::Value;
using ptx::Opcode;
using ptx::Selector;
using ptx::Type;

enum class Family : uint8_t { none, scalar, two, four };

Family family_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::vadd:
    case Opcode::vsub:
    case Opcode::vabsdiff:
    case Opcode::vmin:
    case Opcode::vmax:
    case Opcode::vshl:
    case Opcode::vshr:
    case Opcode::vset:
    case Opcode::vmad: return Family::scalar;
    case Opcode::vadd2:
    case Opcode::vsub2:
    case Opcode::vavrg2:
    case Opcode::vabsdiff2:
    case Opcode::vmin2:
    case Opcode::vmax2:
    case Opcode::vset2: return Family::two;
    case Opcode::vadd4:
    case Opcode::vsub4:
    case Opcode::vavrg4:
    case Opcode::vabsdiff4:
    case Opcode::vmin4:
    case Opcode::vmax4:
    case Opcode::vset4: return Family::four;
    default: return Family::none;
  }
}

struct Video {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  llvm::IRBuilder<>& ir = emitter.ir;
  bool compares =
      instruction.opcode == Opcode::vset || instruction.opcode == Opcode::vset2 || instruction.opcode == Opcode::vset4;
  // vset gives 0 or 1 and has no type for that.
  size_t sources = compares ? 0 : 1;
  Type to = compares ? Type::u32 : modifiers.type;
  bool sign_a = ptx::is_signed(modifiers.types.at(sources));
  bool sign_b = ptx::is_signed(modifiers.types.at(sources + 1));
  Selector chosen = instruction.operands.at(0).selector;

  Value* constant(Value* like, int64_t value) { return emitter.like(like, static_cast<uint64_t>(value)); }
  Value* sized(Value* value, unsigned width, bool sign) {
    auto* type = value->getType()->getWithNewBitWidth(width);
    return sign ? ir.CreateSExtOrTrunc(value, type) : ir.CreateZExtOrTrunc(value, type);
  }
  // The words of a, b and c; all varying as soon as one is.
  std::vector<Value*> words() {
    std::vector<Value*> all;
    bool varying = false;
    for (size_t i = 1; i < instruction.operands.size(); ++i) {
      ptx::Operand plain = instruction.operands[i];
      plain.negated = false;  // vmad's minus, which is not a register's
      all.push_back(emitter.read(plain, Type::b32));
      varying = varying || Emitter::varying(all.back());
    }
    if (varying)
      for (Value*& word : all) word = emitter.splat(word);
    if (all.size() < 3) all.push_back(emitter.like(all[0], 0));
    return all;
  }
  Value* part(Value* word, unsigned width, unsigned place, bool sign) {
    Value* top = ir.CreateShl(word, constant(word, 32 - static_cast<int64_t>(width) * (place + 1)));
    return sign ? ir.CreateAShr(top, constant(word, 32 - width)) : ir.CreateLShr(top, constant(word, 32 - width));
  }
  Value* clamped(Value* value, unsigned width, bool sign) {
    int64_t low = sign ? -(int64_t{1} << (width - 1)) : 0, high = (int64_t{1} << (sign ? width - 1 : width)) - 1;
    value = ir.CreateBinaryIntrinsic(id::smax, value, constant(value, low));
    return ir.CreateBinaryIntrinsic(id::smin, value, constant(value, high));
  }
  Value* smaller(Value* a, Value* b) { return ir.CreateBinaryIntrinsic(id::smin, a, b); }
  Value* larger(Value* a, Value* b) { return ir.CreateBinaryIntrinsic(id::smax, a, b); }

  // What is computed of two numbers that have room for their sum.
  Value* combined(Value* a, Value* b) {
    switch (instruction.opcode) {
      case Opcode::vadd:
      case Opcode::vadd2:
      case Opcode::vadd4: return ir.CreateAdd(a, b);
      case Opcode::vsub:
      case Opcode::vsub2:
      case Opcode::vsub4: return ir.CreateSub(a, b);
      case Opcode::vabsdiff:
      case Opcode::vabsdiff2:
      case Opcode::vabsdiff4: return larger(ir.CreateSub(a, b), ir.CreateSub(b, a));
      case Opcode::vmin:
      case Opcode::vmin2:
      case Opcode::vmin4: return smaller(a, b);
      case Opcode::vmax:
      case Opcode::vmax2:
      case Opcode::vmax4: return larger(a, b);
      case Opcode::vavrg2:
      case Opcode::vavrg4: {  // halves round away from zero
        Value* sum = ir.CreateAdd(a, b);
        Value* up = ir.CreateZExt(ir.CreateICmpSGE(sum, constant(sum, 0)), sum->getType());
        return ir.CreateAShr(ir.CreateAdd(sum, up), constant(sum, 1));
      }
      case Opcode::vshl:
      case Opcode::vshr: return shifted(a, b);
      default: return ir.CreateZExt(ir.CreateICmp(comparison(), a, b), a->getType());
    }
  }
  llvm::CmpInst::Predicate comparison() {
    switch (modifiers.compare) {
      case ptx::Compare::eq: return llvm::CmpInst::ICMP_EQ;
      case ptx::Compare::ne: return llvm::CmpInst::ICMP_NE;
      case ptx::Compare::lt: return llvm::CmpInst::ICMP_SLT;
      case ptx::Compare::le: return llvm::CmpInst::ICMP_SLE;
      case ptx::Compare::gt: return llvm::CmpInst::ICMP_SGT;
      case ptx::Compare::ge: return llvm::CmpInst::ICMP_SGE;
      default: emitter.unsupported(instruction);
    }
  }
  Value* shifted(Value* a, Value* by) {
    by = modifiers.has("wrap") ? ir.CreateAnd(by, constant(by, 31)) : smaller(by, constant(by, 32));
    if (instruction.opcode == Opcode::vshr) return ir.CreateAShr(a, by);
    // By 32, what counts of a number above 2^31 is that it is one: 64 bits hold the result.
    Value* all = ir.CreateICmpEQ(by, constant(by, 32));
    return ir.CreateShl(ir.CreateSelect(all, smaller(a, constant(a, 0x7fffffff)), a), by);
  }

  Value* selected(Value* word, size_t operand, bool sign) {
    const Selector& from = instruction.operands[operand].selector;
    if (from.count > 1) emitter.unsupported(instruction, "several parts in a scalar instruction");
    if (from.width) word = part(word, from.width, from.places[0], sign);
    return sized(word, 64, sign);
  }
  Value* secondary(Value* value, Value* c) {
    bool sign = ptx::is_signed(to);
    if (modifiers.operation == "add") return ir.CreateAdd(value, sized(c, 64, sign));
    if (modifiers.operation == "min") return smaller(value, sized(c, 64, sign));
    if (modifiers.operation == "max") return larger(value, sized(c, 64, sign));
    return value;
  }
  void scalar() {
    auto word = words();
    Value *a = selected(word[0], 1, sign_a), *b = selected(word[1], 2, sign_b);
    if (instruction.opcode == Opcode::vmad) return multiply(a, b, word[2]);
    Value* value = combined(a, b);
    if (modifiers.sat) value = clamped(value, chosen.width ? chosen.width : 32, ptx::is_signed(to));
    value = sized(secondary(value, word[2]), 32, false);
    if (chosen.width) value = merged(word[2], value, chosen.width, chosen.places[0]);
    emitter.write(instruction.operands[0], value, Type::b32);
  }
  Value* merged(Value* into, Value* value, unsigned width, unsigned place) {
    uint64_t ones = ((uint64_t{1} << width) - 1) << width * place;
    value = ir.CreateShl(value, constant(value, width * place));
    return ir.CreateOr(ir.CreateAnd(into, emitter.like(into, ~ones)), ir.CreateAnd(value, emitter.like(value, ones)));
  }
  // vmad: the manual's own steps. Minus is "not, and one more".
  void multiply(Value* a, Value* b, Value* c) {
    auto negated = [&](size_t i) { return instruction.operands[i].negated; };
    bool plus_one = modifiers.has("po"), product = negated(1) != negated(2), addend = negated(3);
    bool sign = sign_a || sign_b || product || addend;
    Value* total = ir.CreateMul(sized(a, 128, true), sized(b, 128, true));
    if (product) total = ir.CreateNot(total);
    if (!product && addend) c = ir.CreateNot(c);
    total = ir.CreateAdd(total, sized(c, 128, sign));
    if (plus_one || product || addend) total = ir.CreateAdd(total, constant(total, 1));
    int64_t scale = modifiers.has("shr7") ? 7 : modifiers.has("shr15") ? 15 : 0;
    total = ir.CreateAShr(total, constant(total, scale));
    if (modifiers.sat) {
      auto limit = [&](int64_t value) {
        return llvm::ConstantInt::get(total->getType(), llvm::APInt(128, static_cast<uint64_t>(value), true));
      };
      total = larger(total, limit(sign ? -(int64_t{1} << 31) : 0));
      total = smaller(total, limit(sign ? 0x7fffffff : 0xffffffff));
    }
    emitter.write(instruction.operands[0], sized(total, 32, false), Type::b32);
  }

  // SIMD: each lane of a and b is one of the parts of both registers; c gives what the mask leaves out, or is added to.
  void simd(unsigned width) {
    auto word = words();
    unsigned count = 32 / width;
    bool sum = modifiers.operation == "add";
    Value* total = word[2];
    for (unsigned lane = 0; lane < count; ++lane) {
      bool masked = chosen.width != 0;
      for (unsigned i = 0; i < chosen.count; ++i) masked = masked && chosen.places[i] != lane;
      if (masked) continue;
      Value* value = combined(lane_of(word, 1, lane, width, sign_a), lane_of(word, 2, lane, width, sign_b));
      if (modifiers.sat) value = clamped(value, width, ptx::is_signed(to));
      total = sum ? ir.CreateAdd(total, value) : merged(total, value, width, lane);
    }
    emitter.write(instruction.operands[0], total, Type::b32);
  }
  Value* lane_of(const std::vector<Value*>& word, size_t operand, unsigned lane, unsigned width, bool sign) {
    unsigned count = 32 / width;
    const Selector& from = instruction.operands[operand].selector;
    if (from.width && (from.width != width || from.count != count))
      emitter.unsupported(instruction, "a selector that does not name every lane");
    unsigned place = from.width ? from.places[lane] : lane + (operand == 2 ? count : 0);
    return part(word[place / count], width, place % count, sign);
  }
};

}  // namespace

bool emit_video(Emitter& emitter, const ptx::Instruction& instruction) {
  Family family = family_of(instruction.opcode);
  if (family == Family::none) return false;
  bool compares =
      instruction.opcode == Opcode::vset || instruction.opcode == Opcode::vset2 || instruction.opcode == Opcode::vset4;
  if (instruction.operands.size() < (family == Family::scalar ? 3u : 4u) ||
      instruction.modifiers.types.size() < (compares ? 2u : 3u))
    emitter.unsupported(instruction, "operands or types are missing");
  const Selector& chosen = instruction.operands[0].selector;
  unsigned width = family == Family::two ? 16 : family == Family::four ? 8 : chosen.width;
  if (chosen.width && (chosen.width != width || (family == Family::scalar && chosen.count > 1)))
    emitter.unsupported(instruction, "a selector that names other parts");
  bool third = instruction.operands.size() > 3;
  bool needs_third = chosen.width || !instruction.modifiers.operation.empty() || instruction.opcode == Opcode::vmad;
  if (needs_third && !third) emitter.unsupported(instruction, "the third operand is missing");
  Video video{emitter, instruction};
  if (family == Family::scalar)
    video.scalar();
  else
    video.simd(family == Family::two ? 16 : 8);
  return true;
}

}  // namespace software
