// Moves, comparisons and selections (PTX ISA, "Comparison and Selection Instructions").
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/compare.h"
#include "device/software/codegen/emitter.h"
#include "device/software/codegen/narrow.h"

namespace software {
namespace {

using llvm::CmpInst;
using llvm::Value;
using ptx::Boolean;
using ptx::Compare;
using ptx::Opcode;
using ptx::Type;

CmpInst::Predicate float_predicate(Compare compare) {
  switch (compare) {
    case Compare::eq: return CmpInst::FCMP_OEQ;
    case Compare::ne: return CmpInst::FCMP_ONE;
    case Compare::lt: return CmpInst::FCMP_OLT;
    case Compare::le: return CmpInst::FCMP_OLE;
    case Compare::gt: return CmpInst::FCMP_OGT;
    case Compare::ge: return CmpInst::FCMP_OGE;
    case Compare::equ: return CmpInst::FCMP_UEQ;
    case Compare::neu: return CmpInst::FCMP_UNE;
    case Compare::ltu: return CmpInst::FCMP_ULT;
    case Compare::leu: return CmpInst::FCMP_ULE;
    case Compare::gtu: return CmpInst::FCMP_UGT;
    case Compare::geu: return CmpInst::FCMP_UGE;
    case Compare::num: return CmpInst::FCMP_ORD;
    case Compare::nan: return CmpInst::FCMP_UNO;
    default: return CmpInst::BAD_FCMP_PREDICATE;
  }
}

}  // namespace

CmpInst::Predicate integer_predicate(Compare compare, bool is_signed) {
  switch (compare) {
    case Compare::eq: return CmpInst::ICMP_EQ;
    case Compare::ne: return CmpInst::ICMP_NE;
    case Compare::lt: return is_signed ? CmpInst::ICMP_SLT : CmpInst::ICMP_ULT;
    case Compare::le: return is_signed ? CmpInst::ICMP_SLE : CmpInst::ICMP_ULE;
    case Compare::gt: return is_signed ? CmpInst::ICMP_SGT : CmpInst::ICMP_UGT;
    case Compare::ge: return is_signed ? CmpInst::ICMP_SGE : CmpInst::ICMP_UGE;
    case Compare::lo: return CmpInst::ICMP_ULT;
    case Compare::ls: return CmpInst::ICMP_ULE;
    case Compare::hi: return CmpInst::ICMP_UGT;
    case Compare::hs: return CmpInst::ICMP_UGE;
    default: return CmpInst::BAD_ICMP_PREDICATE;
  }
}

namespace {

bool is_pair(Type type) { return type == Type::f16x2 || type == Type::bf16x2; }

// i1 or <32 x i1>; `type` is what is compared, of two in a register the lower (part 0) or the upper.
Value* compared(Emitter& emitter, const ptx::Instruction& instruction, Type type, unsigned part = 0) {
  auto& ir = emitter.ir;
  auto source = [&](unsigned i) {
    Value* bits = emitter.read(instruction.operands.at(instruction.destinations + i), type);
    if (!is_pair(type)) return bits;
    return ir.CreateTrunc(ir.CreateLShr(bits, emitter.like(bits, 16 * part)), bits->getType()->getWithNewBitWidth(16));
  };
  Value *a = source(0), *b = source(1);
  emitter.unify(a, b);
  Compare compare = instruction.modifiers.compare;
  if (!ptx::is_float(type)) {
    auto predicate = integer_predicate(compare, ptx::is_signed(type));
    if (predicate == CmpInst::BAD_ICMP_PREDICATE) emitter.unsupported(instruction);
    return ir.CreateICmp(predicate, a, b);
  }
  auto predicate = float_predicate(compare);
  if (predicate == CmpInst::BAD_FCMP_PREDICATE) emitter.unsupported(instruction);
  Type element = type == Type::f16x2 ? Type::f16 : type == Type::bf16x2 ? Type::bf16 : type;
  auto real = [&](Value* bits) {
    Value* value = emitter.as_float(bits, element);
    return element == Type::bf16 ? from_bfloat(emitter, value) : flushed(emitter, instruction.modifiers, value);
  };
  return ir.CreateFCmp(predicate, real(a), real(b));
}

Value* combined(Emitter& emitter, Boolean boolean, Value* truth, Value* with) {
  emitter.unify(truth, with);
  switch (boolean) {
    case Boolean::and_: return emitter.ir.CreateAnd(truth, with);
    case Boolean::or_: return emitter.ir.CreateOr(truth, with);
    default: return emitter.ir.CreateXor(truth, with);
  }
}

// p and its opposite q; of two numbers in a register, p is the lower one's and q the upper one's.
void emit_setp(Emitter& emitter, const ptx::Instruction& instruction) {
  Type type = instruction.modifiers.type;
  Value* truth = compared(emitter, instruction, type);
  Value* other = is_pair(type) ? compared(emitter, instruction, type, 1) : emitter.ir.CreateNot(truth);
  if (instruction.modifiers.boolean != Boolean::none) {
    Value* with = emitter.read_predicate(instruction.operands.at(instruction.destinations + 2u));
    truth = combined(emitter, instruction.modifiers.boolean, truth, with);
    other = combined(emitter, instruction.modifiers.boolean, other, with);
  }
  emitter.write(instruction.operands[0], truth);
  if (instruction.destinations > 1) emitter.write(instruction.operands[1], other);
}

// What set writes for "true", in the lowest bits.
uint64_t yes_of(Type result, bool pair) {
  switch (result) {
    case Type::f32: return 0x3f800000;
    case Type::f16:
    case Type::f16x2: return 0x3c00;
    case Type::bf16:
    case Type::bf16x2: return 0x3f80;
    default: return pair ? 0xffff : ~uint64_t{0};
  }
}

void emit_set(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Type result = instruction.modifiers.type, type = instruction.modifiers.source_type;
  bool pair = is_pair(type);
  Value* all = nullptr;
  for (unsigned part = 0; part < (pair ? 2u : 1u); ++part) {
    Value* truth = compared(emitter, instruction, type, part);
    if (instruction.modifiers.boolean != Boolean::none)
      truth =
          combined(emitter, instruction.modifiers.boolean, truth, emitter.read_predicate(instruction.operands.at(3)));
    Value* yes = emitter.constant(yes_of(result, pair) << 16 * part, ptx::bits(result));
    Value* no = emitter.constant(0, ptx::bits(result));
    if (Emitter::varying(truth)) yes = emitter.splat(yes), no = emitter.splat(no);
    Value* value = ir.CreateSelect(truth, yes, no);
    all = all ? ir.CreateOr(all, value) : value;
  }
  emitter.write(instruction.operands[0], all, result);
}

void emit_select(Emitter& emitter, const ptx::Instruction& instruction, Value* choice) {
  Type type = instruction.modifiers.type;
  Value *a = emitter.read(instruction.operands[1], type), *b = emitter.read(instruction.operands[2], type);
  emitter.unify(a, b);
  if (Emitter::varying(choice)) a = emitter.splat(a), b = emitter.splat(b);
  emitter.write(instruction.operands[0], emitter.ir.CreateSelect(choice, a, b), type);
}

// slct: a where c >= 0, b otherwise (NaN included).
Value* not_negative(Emitter& emitter, const ptx::Instruction& instruction) {
  Type type = instruction.modifiers.source_type;
  Value* c = emitter.read(instruction.operands[3], type);
  if (!ptx::is_float(type)) return emitter.ir.CreateICmpSGE(c, emitter.like(c, 0));
  Value* real = flushed(emitter, instruction.modifiers, emitter.as_float(c, type));
  return emitter.ir.CreateFCmpOGE(real, llvm::Constant::getNullValue(real->getType()));
}

// A vector (.v2, .v4) goes element by element; what is packed or taken apart is the operands' matter.
void emit_mov(Emitter& emitter, const ptx::Instruction& instruction) {
  const auto &to = instruction.operands[0], &from = instruction.operands[1];
  Type type = instruction.modifiers.type;
  if (instruction.modifiers.vector == 1) return emitter.write(to, emitter.read(from, type), type);
  std::vector<Value*> values;
  for (const auto& element : from.elements) values.push_back(emitter.read(element, type));
  for (size_t i = 0; i < values.size() && i < to.elements.size(); ++i) emitter.write(to.elements[i], values[i], type);
}

}  // namespace

bool emit_compare(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::mov: emit_mov(emitter, instruction); return true;
    case Opcode::setp: emit_setp(emitter, instruction); return true;
    case Opcode::set: emit_set(emitter, instruction); return true;
    case Opcode::selp: emit_select(emitter, instruction, emitter.read_predicate(instruction.operands[3])); return true;
    case Opcode::slct: emit_select(emitter, instruction, not_negative(emitter, instruction)); return true;
    default: return false;
  }
}

}  // namespace software
