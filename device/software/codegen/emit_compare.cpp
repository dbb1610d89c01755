// Moves, comparisons and selections (PTX ISA, "Comparison and Selection Instructions").
#include <llvm/IR/Intrinsics.h>

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

// i1 or <32 x i1>; operand_type is what is compared.
Value* compared(Emitter& emitter, const ptx::Instruction& instruction, Type type) {
  auto& ir = emitter.ir;
  if (type == Type::f16x2 || type == Type::bf16x2) emitter.unsupported(instruction);
  Value* a = emitter.read(instruction.operands[instruction.destinations], type);
  Value* b = emitter.read(instruction.operands[instruction.destinations + 1u], type);
  emitter.unify(a, b);
  Compare compare = instruction.modifiers.compare;
  if (!ptx::is_float(type)) {
    auto predicate = integer_predicate(compare, ptx::is_signed(type));
    if (predicate == CmpInst::BAD_ICMP_PREDICATE) emitter.unsupported(instruction);
    return ir.CreateICmp(predicate, a, b);
  }
  auto predicate = float_predicate(compare);
  if (predicate == CmpInst::BAD_FCMP_PREDICATE) emitter.unsupported(instruction);
  auto real = [&](Value* bits) { return flushed(emitter, instruction.modifiers, emitter.as_float(bits, type)); };
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

void emit_setp(Emitter& emitter, const ptx::Instruction& instruction) {
  Value* truth = compared(emitter, instruction, instruction.modifiers.type);
  Value* opposite = emitter.ir.CreateNot(truth);
  if (instruction.modifiers.boolean != Boolean::none) {
    Value* with = emitter.read_predicate(instruction.operands[instruction.destinations + 2u]);
    truth = combined(emitter, instruction.modifiers.boolean, truth, with);
    opposite = combined(emitter, instruction.modifiers.boolean, opposite, with);
  }
  emitter.write(instruction.operands[0], truth);
  if (instruction.destinations > 1) emitter.write(instruction.operands[1], opposite);
}

void emit_set(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Type result = instruction.modifiers.type;
  Value* truth = compared(emitter, instruction, instruction.modifiers.source_type);
  if (instruction.modifiers.boolean != Boolean::none)
    truth = combined(emitter, instruction.modifiers.boolean, truth, emitter.read_predicate(instruction.operands[3]));
  unsigned width = ptx::bits(result);
  uint64_t one = result == Type::f32    ? 0x3f800000
                 : result == Type::f16  ? 0x3c00
                 : result == Type::bf16 ? 0x3f80
                                        : ~uint64_t{0};
  Value* yes = emitter.constant(one, width);
  Value* no = emitter.constant(0, width);
  if (Emitter::varying(truth)) yes = emitter.splat(yes), no = emitter.splat(no);
  emitter.write(instruction.operands[0], ir.CreateSelect(truth, yes, no), result);
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

}  // namespace

bool emit_compare(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::mov:
      emitter.write(instruction.operands[0], emitter.read(instruction.operands[1], instruction.modifiers.type),
                    instruction.modifiers.type);
      return true;
    case Opcode::setp: emit_setp(emitter, instruction); return true;
    case Opcode::set: emit_set(emitter, instruction); return true;
    case Opcode::selp: emit_select(emitter, instruction, emitter.read_predicate(instruction.operands[3])); return true;
    case Opcode::slct: emit_select(emitter, instruction, not_negative(emitter, instruction)); return true;
    default: return false;
  }
}

}  // namespace software
