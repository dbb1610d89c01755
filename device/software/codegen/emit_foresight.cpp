// Branches on comparisons of a value that counts up from lane to lane (pass/shape.h) with one that is the same for all
// lanes, such as `if (threadIdx.x < n)`: where the first and the last lane are on one side, so are all between, and no
// vector is compared.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {

using llvm::CmpInst;
using ptx::Compare;
using ptx::Opcode;
using ptx::Type;

namespace {

CmpInst::Predicate predicate_of(Compare compare, bool is_signed) {
  switch (compare) {
    case Compare::eq: return CmpInst::ICMP_EQ;
    case Compare::ne: return CmpInst::ICMP_NE;
    case Compare::lt: return is_signed ? CmpInst::ICMP_SLT : CmpInst::ICMP_ULT;
    case Compare::le: return is_signed ? CmpInst::ICMP_SLE : CmpInst::ICMP_ULE;
    case Compare::gt: return is_signed ? CmpInst::ICMP_SGT : CmpInst::ICMP_UGT;
    case Compare::ge: return is_signed ? CmpInst::ICMP_SGE : CmpInst::ICMP_UGE;
    default: return CmpInst::BAD_ICMP_PREDICATE;
  }
}

}  // namespace

// The comparison that decides about the branch at the block's end, if it stands in the block and could be made again
// at its end.
const ptx::Instruction* Emitter::deciding_comparison(const Block& range) const {
  const Instruction& branch = function.body[range.last - 1];
  auto changes = [&](const Instruction& instruction, uint32_t reg) {
    bool found = false;
    each_definition(instruction, [&](uint32_t written) { found = found || written == reg; });
    return found;
  };
  for (uint32_t i = range.last - 1; i-- > range.first;) {
    const Instruction& made = function.body[i];
    if (!changes(made, static_cast<uint32_t>(branch.guard.reg))) continue;
    bool plain = made.opcode == Opcode::setp && made.guard.reg < 0 && made.destinations == 1 &&
                 made.modifiers.boolean == ptx::Boolean::none;
    if (!plain) return nullptr;
    for (uint32_t k = i + 1; k < range.last; ++k)
      for (size_t source : {1, 2}) {
        const Operand& operand = made.operands[source];
        if (operand.kind == Operand::reg && changes(function.body[k], operand.index)) return nullptr;
      }
    return &made;
  }
  return nullptr;
}

// Whether all lanes are of one mind about the branch at the block's end, and what they say (both i1).
std::optional<Emitter::Foresight> Emitter::foresee(const Block& range) {
  const Instruction* made = deciding_comparison(range);
  if (!made || grouping_.rows() != 1) return std::nullopt;
  Type type = made->modifiers.type;
  const Operand *counts = &made->operands[1], *fixed = &made->operands[2];
  Compare compare = made->modifiers.compare;
  auto predicate = predicate_of(compare, ptx::is_signed(type));
  Shape shape = shape_of_operand(*counts), other = shape_of_operand(*fixed);
  bool known = ptx::bits(type) == 32 && !ptx::is_float(type) && predicate != CmpInst::BAD_ICMP_PREDICATE &&
               shape.kind == Shape::linear && other.kind == Shape::uniform && shape.stride > 0 &&
               shape.stride < (1 << 16);
  if (!known) return std::nullopt;
  auto wide = [&](Value* value) {
    return ptx::is_signed(type) ? ir.CreateSExt(value, ir.getInt64Ty()) : ir.CreateZExt(value, ir.getInt64Ty());
  };
  Value *first = wide(read_linear(*counts, type).base), *bound = wide(read(*fixed, type));
  Value* last = ir.CreateAdd(first, ir.getInt64(static_cast<uint64_t>(shape.stride) * (lanes - 1)));
  Value* straight = ir.CreateICmpEQ(last, wide(ir.CreateTrunc(last, ir.getInt32Ty())));  // nothing wraps round
  Value *agree, *outcome;
  if (CmpInst::isEquality(predicate)) {
    agree = ir.CreateOr(ir.CreateICmpSLT(bound, first), ir.CreateICmpSGT(bound, last));
    outcome = ir.getInt1(predicate == CmpInst::ICMP_NE);
  } else {
    outcome = ir.CreateICmp(predicate, first, bound);
    agree = ir.CreateICmpEQ(outcome, ir.CreateICmp(predicate, last, bound));
  }
  if (function.body[range.last - 1].guard.negated) outcome = ir.CreateNot(outcome);
  return Foresight{ir.CreateAnd(straight, agree), outcome};
}

}  // namespace software
