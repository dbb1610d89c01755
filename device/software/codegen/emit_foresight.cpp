// Branches on comparisons of a value that counts up from lane to lane (pass/shape.h) with one that is the same for all
// lanes, such as `if (threadIdx.x < n)`: where the first and the last lane are on one side, so are all between, and no
// vector is compared.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/compare.h"
#include "device/software/codegen/emitter.h"

namespace software {

using llvm::CmpInst;
using ptx::Opcode;
using ptx::Type;

// The instruction before `end` that made the predicate, if it stands in the block behind `first` and what it was made
// from is still the same at `end`.
const ptx::Instruction* Emitter::made_by(uint32_t reg, uint32_t first, uint32_t end) const {
  auto changes = [&](const Instruction& instruction, uint32_t changed) {
    bool found = false;
    each_definition(instruction, [&](uint32_t written) { found = found || written == changed; });
    return found;
  };
  for (uint32_t i = end; i-- > first;) {
    const Instruction& made = function.body[i];
    if (!changes(made, reg)) continue;
    bool plain = made.guard.reg < 0 && made.destinations == 1 && made.modifiers.boolean == ptx::Boolean::none;
    bool same = true;
    each_source(made, [&](uint32_t source) {
      for (uint32_t k = i; k < end; ++k) same = same && !changes(function.body[k], source);
    });
    return plain && same ? &made : nullptr;
  }
  return nullptr;
}

// Whether all lanes are of one mind about a predicate at the end of [first, end), and what they say (both i1).
std::optional<Emitter::Foresight> Emitter::foresee(const Operand& predicate, uint32_t first, uint32_t end) {
  if (predicate.kind != Operand::reg || grouping_.rows() != 1) return std::nullopt;
  std::optional<Foresight> found;
  if (shape_.shapes[predicate.index].kind == Shape::uniform) {
    Operand plain = predicate;
    plain.negated = false;
    found = Foresight{ir.getTrue(), read_predicate(plain)};
  } else if (const Instruction* made = made_by(predicate.index, first, end)) {
    if (made->opcode == Opcode::setp) found = foresee_comparison(*made);
    if (made->opcode == Opcode::or_ || made->opcode == Opcode::and_) {
      auto a = foresee(made->operands[1], first, end), b = foresee(made->operands[2], first, end);
      if (a && b) found = both(*a, *b, made->opcode == Opcode::and_);
    }
  }
  if (found && predicate.negated) found->outcome = ir.CreateNot(found->outcome);
  return found;
}

// One that decides alone is enough: false of `and`, true of `or`.
Emitter::Foresight Emitter::both(const Foresight& a, const Foresight& b, bool conjunction) {
  auto decides = [&](const Foresight& one) {
    return ir.CreateAnd(one.agree, conjunction ? ir.CreateNot(one.outcome) : one.outcome);
  };
  Value* decided = ir.CreateOr(decides(a), decides(b));
  Value* agree = ir.CreateOr(decided, ir.CreateAnd(a.agree, b.agree));
  return {agree, conjunction ? ir.CreateNot(decided) : decided};
}

std::optional<Emitter::Foresight> Emitter::foresee_comparison(const Instruction& made) {
  Type type = made.modifiers.type;
  const Operand *counts = &made.operands[1], *fixed = &made.operands[2];
  auto predicate = integer_predicate(made.modifiers.compare, ptx::is_signed(type));
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
  return Foresight{ir.CreateAnd(straight, agree), outcome};
}

}  // namespace software
