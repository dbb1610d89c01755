// Logic, shifts and bit fields (PTX ISA, "Logic and Shift Instructions" and the bit manipulation of integers).
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::Value;
using llvm::Intrinsic::ID;
using ptx::Opcode;
using ptx::Type;

struct Bits {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  Type type = instruction.modifiers.type;
  unsigned width = type == Type::pred ? 1 : ptx::bits(type);
  llvm::IRBuilder<>& ir = emitter.ir;

  Value* source(size_t i) { return emitter.read(instruction.operands[i], type); }
  Value* word(size_t i) { return emitter.read(instruction.operands[i], Type::b32); }
  void result(Value* value) { emitter.write(instruction.operands[0], value, type); }
  void pair(Value*& a, Value*& b) { emitter.unify(a, b); }
  template <class... V>
  void all(Value*& first, V*&... rest) {
    (emitter.unify(first, rest), ...);
    (emitter.unify(first, rest), ...);
  }

  void logic() {
    Value *a = source(1), *b = source(2);
    pair(a, b);
    result(instruction.opcode == Opcode::and_  ? ir.CreateAnd(a, b)
           : instruction.opcode == Opcode::or_ ? ir.CreateOr(a, b)
                                               : ir.CreateXor(a, b));
  }

  // Shifts by more than the width give 0, or the sign.
  void shift() {
    Value *a = source(1), *by = word(2);
    pair(a, by);
    Value* large = ir.CreateICmpUGE(by, emitter.like(by, width));
    Value* count = ir.CreateZExtOrTrunc(ir.CreateSelect(large, emitter.like(by, width - 1), by), a->getType());
    if (instruction.opcode == Opcode::shr && ptx::is_signed(type)) return result(ir.CreateAShr(a, count));
    Value* shifted = instruction.opcode == Opcode::shl ? ir.CreateShl(a, count) : ir.CreateLShr(a, count);
    result(ir.CreateSelect(large, emitter.like(a, 0), shifted));
  }

  void funnel() {
    Value *low = word(1), *high = word(2), *by = word(3);
    all(low, high, by);
    all(high, by);
    bool left = instruction.modifiers.has("l");
    if (instruction.modifiers.has("clamp"))
      by = ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, by, emitter.like(by, 32));
    else
      by = ir.CreateAnd(by, emitter.like(by, 31));
    auto* wide = low->getType()->getWithNewBitWidth(64);
    Value* both =
        ir.CreateOr(ir.CreateShl(ir.CreateZExt(high, wide), emitter.like(llvm::Constant::getNullValue(wide), 32)),
                    ir.CreateZExt(low, wide));
    Value* count = ir.CreateZExt(by, wide);
    Value* shifted =
        left ? ir.CreateLShr(ir.CreateShl(both, count), emitter.like(both, 32)) : ir.CreateLShr(both, count);
    emitter.write(instruction.operands[0], ir.CreateTrunc(shifted, low->getType()), Type::b32);
  }

  void count() {  // clz, popc: a 32-bit result
    Value* a = source(1);
    Value* value = instruction.opcode == Opcode::popc
                       ? ir.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, a)
                       : ir.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, a, ir.getFalse());
    emitter.write(instruction.operands[0], value, Type::u32);
  }

  void find() {  // bfind: position of the leading bit that differs from the sign, ~0 when there is none
    Value* a = source(1);
    if (ptx::is_signed(type)) a = ir.CreateXor(a, ir.CreateAShr(a, emitter.like(a, width - 1)));
    Value* zeros = ir.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, a, ir.getFalse());
    Value* place = instruction.modifiers.has("shiftamt") ? zeros : ir.CreateSub(emitter.like(a, width - 1), zeros);
    Value* none = ir.CreateICmpEQ(a, emitter.like(a, 0));
    emitter.write(instruction.operands[0], ir.CreateSelect(none, emitter.like(a, ~uint64_t{0}), place), Type::u32);
  }

  // A mask of the `length` lowest bits; length is at most the width.
  Value* low_ones(Value* length, Value* like) {
    Value* full = ir.CreateICmpUGE(length, emitter.like(length, width));
    Value* count = ir.CreateZExtOrTrunc(ir.CreateSelect(full, emitter.like(length, 0), length), like->getType());
    Value* ones = ir.CreateSub(ir.CreateShl(emitter.like(like, 1), count), emitter.like(like, 1));
    return ir.CreateSelect(full, emitter.like(like, ~uint64_t{0}), ones);
  }

  void extract() {
    Value *a = source(1), *start = word(2), *length = word(3);
    all(a, start, length);
    all(start, length);
    start = ir.CreateAnd(start, emitter.like(start, 255));
    length = ir.CreateAnd(length, emitter.like(length, 255));
    Value* outside = ir.CreateICmpUGE(start, emitter.like(start, width));
    Value* from = ir.CreateZExtOrTrunc(ir.CreateSelect(outside, emitter.like(start, 0), start), a->getType());
    // A field that reaches past the highest bit ends there.
    Value* room = ir.CreateSelect(outside, emitter.like(start, 0), ir.CreateSub(emitter.like(start, width), start));
    Value* mask = low_ones(ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, length, room), a);
    Value* field = ir.CreateAnd(ir.CreateSelect(outside, emitter.like(a, 0), ir.CreateLShr(a, from)), mask);
    if (ptx::is_signed(type))
      field = ir.CreateOr(field, ir.CreateAnd(sign_of_field(a, start, length), ir.CreateNot(mask)));
    result(field);
  }
  // The sign bit is that of the field, or of `a` where the field reaches past it; no sign for a field of 0 bits.
  Value* sign_of_field(Value* a, Value* start, Value* length) {
    Value* last = ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin,
                                           ir.CreateSub(ir.CreateAdd(start, length), emitter.like(start, 1)),
                                           emitter.like(start, width - 1));
    Value* bit = ir.CreateShl(a, ir.CreateZExtOrTrunc(ir.CreateSub(emitter.like(last, width - 1), last), a->getType()));
    Value* sign = ir.CreateAShr(bit, emitter.like(a, width - 1));
    return ir.CreateSelect(ir.CreateICmpEQ(length, emitter.like(length, 0)), emitter.like(a, 0), sign);
  }

  void insert() {
    Value *field = source(1), *into = source(2), *start = word(3), *length = word(4);
    all(field, into, start, length);
    all(into, start, length);
    all(start, length);
    start = ir.CreateAnd(start, emitter.like(start, 255));
    length = ir.CreateAnd(length, emitter.like(length, 255));
    Value* outside = ir.CreateICmpUGE(start, emitter.like(start, width));
    Value* from = ir.CreateZExtOrTrunc(ir.CreateSelect(outside, emitter.like(start, 0), start), field->getType());
    Value* mask = ir.CreateShl(low_ones(length, field), from);
    Value* mixed = ir.CreateOr(ir.CreateAnd(into, ir.CreateNot(mask)), ir.CreateAnd(ir.CreateShl(field, from), mask));
    result(ir.CreateSelect(outside, into, mixed));
  }

  // Any function of three inputs as a truth table: bit (a << 2 | b << 1 | c) of the immediate.
  void lookup() {
    size_t at = instruction.destinations;
    Value *a = source(at), *b = source(at + 1), *c = source(at + 2);
    all(a, b, c);
    all(b, c);
    auto table = static_cast<uint64_t>(instruction.operands.at(at + 3).value);
    Value* value = emitter.like(a, 0);
    for (unsigned row = 0; row < 8; ++row) {
      if (!(table >> row & 1)) continue;
      Value* term = ir.CreateAnd(row & 4 ? a : ir.CreateNot(a), row & 2 ? b : ir.CreateNot(b));
      value = ir.CreateOr(value, ir.CreateAnd(term, row & 1 ? c : ir.CreateNot(c)));
    }
    if (instruction.destinations > 1) look_up_predicate(value);
    result(value);
  }
  // lop3.and d|p ..., q: p tells whether a bit is set, and q.
  void look_up_predicate(Value* value) {
    Value* truth = ir.CreateICmpNE(value, emitter.like(value, 0));
    Value* with = emitter.read_predicate(instruction.operands.at(6));
    pair(truth, with);
    bool both = instruction.modifiers.boolean == ptx::Boolean::and_;
    emitter.write(instruction.operands[1], both ? ir.CreateAnd(truth, with) : ir.CreateOr(truth, with));
  }

  // Which of the eight bytes becomes byte i; bit 3 asks for its sign (PTX ISA, "prmt", table of modes).
  Value* byte_choice(Value* selector, unsigned i) {
    auto has = [&](const char* mode) { return instruction.modifiers.has(mode); };
    Value *low = ir.CreateAnd(selector, emitter.like(selector, 3)), *at = emitter.like(selector, i);
    if (has("f4e")) return ir.CreateAdd(low, at);
    if (has("b4e")) return ir.CreateAnd(ir.CreateSub(low, at), emitter.like(selector, 7));
    if (has("rc8")) return low;
    if (has("ecl")) return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umax, low, at);
    if (has("ecr")) return ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, low, at);
    if (has("rc16"))
      return ir.CreateOr(ir.CreateShl(ir.CreateAnd(low, emitter.like(low, 1)), emitter.like(low, 1)),
                         emitter.like(low, i & 1));
    return ir.CreateAnd(ir.CreateLShr(selector, emitter.like(selector, 4 * i)), emitter.like(selector, 15));
  }
  void permute() {
    Value *a = word(1), *b = word(2), *selector = word(3);
    all(a, b, selector);
    all(b, selector);
    auto* wide = a->getType()->getWithNewBitWidth(64);
    Value* both =
        ir.CreateOr(ir.CreateShl(ir.CreateZExt(b, wide), emitter.like(llvm::Constant::getNullValue(wide), 32)),
                    ir.CreateZExt(a, wide));
    Value* out = emitter.like(a, 0);
    for (unsigned i = 0; i < 4; ++i) {
      Value* choice = byte_choice(selector, i);
      Value* place = ir.CreateShl(ir.CreateAnd(choice, emitter.like(choice, 7)), emitter.like(choice, 3));
      Value* byte = ir.CreateAnd(ir.CreateTrunc(ir.CreateLShr(both, ir.CreateZExt(place, wide)), a->getType()),
                                 emitter.like(a, 255));
      Value* sign = ir.CreateAnd(ir.CreateAShr(ir.CreateShl(byte, emitter.like(byte, 24)), emitter.like(byte, 31)),
                                 emitter.like(byte, 255));
      byte = ir.CreateSelect(ir.CreateICmpUGE(choice, emitter.like(choice, 8)), sign, byte);
      out = ir.CreateOr(out, ir.CreateShl(byte, emitter.like(byte, 8 * i)));
    }
    emitter.write(instruction.operands[0], out, Type::b32);
  }

  void mask() {  // bmsk: `length` ones from `start`
    Value *start = word(1), *length = word(2);
    pair(start, length);
    if (instruction.modifiers.has("wrap")) {
      start = ir.CreateAnd(start, emitter.like(start, 31));
      length = ir.CreateAnd(length, emitter.like(length, 31));
    }
    Value* outside = ir.CreateICmpUGE(start, emitter.like(start, 32));
    Value* ones = ir.CreateShl(low_ones(length, start), ir.CreateSelect(outside, emitter.like(start, 0), start));
    emitter.write(instruction.operands[0], ir.CreateSelect(outside, emitter.like(start, 0), ones), Type::b32);
  }

  void extend() {  // szext: `length` bits of a, zeros or the sign above them
    Value *a = word(1), *length = word(2);
    pair(a, length);
    if (instruction.modifiers.has("wrap")) length = ir.CreateAnd(length, emitter.like(length, 31));
    Value* whole = ir.CreateICmpUGE(length, emitter.like(length, 32));
    Value* none = ir.CreateICmpEQ(length, emitter.like(length, 0));
    Value* by = ir.CreateSub(emitter.like(length, 32), length);
    by = ir.CreateSelect(ir.CreateOr(whole, none), emitter.like(length, 0), by);
    Value* top = ir.CreateShl(a, by);
    Value* value = ptx::is_signed(type) ? ir.CreateAShr(top, by) : ir.CreateLShr(top, by);
    result(ir.CreateSelect(none, emitter.like(a, 0), value));
  }

  // fns: the place of the set bit that is `offset` bits from `base`, counting set ones, base itself being the first.
  void find_nth() {
    Value *mask = word(1), *base = word(2), *offset = word(3);
    all(mask, base, offset);
    all(base, offset);
    Value *zero = emitter.like(mask, 0), *one = emitter.like(mask, 1), *none = emitter.like(mask, ~uint64_t{0});
    Value* here = ir.CreateICmpEQ(offset, zero);
    Value* step = ir.CreateSelect(ir.CreateICmpSLT(offset, zero), none, one);
    Value* left = ir.CreateSelect(here, one, ir.CreateMul(offset, step));
    Value* inside = ir.CreateICmpULT(base, emitter.like(base, 32));
    Value *at = base, *found = none;
    for (unsigned i = 0; i < 32; ++i) {
      Value* set = ir.CreateAnd(ir.CreateLShr(mask, ir.CreateAnd(at, emitter.like(at, 31))), one);
      Value* counts = ir.CreateAnd(inside, ir.CreateICmpULT(at, emitter.like(at, 32)));
      set = ir.CreateSelect(counts, set, zero);
      left = ir.CreateSub(left, set);
      Value* hit = ir.CreateAnd(ir.CreateICmpNE(set, zero), ir.CreateICmpEQ(left, zero));
      found = ir.CreateSelect(hit, at, found);
      at = ir.CreateAdd(at, step);
      if (i == 0) inside = ir.CreateAnd(inside, ir.CreateNot(here));
    }
    emitter.write(instruction.operands[0], found, Type::b32);
  }
};

}  // namespace

bool emit_bits(Emitter& emitter, const ptx::Instruction& instruction) {
  Bits bits{emitter, instruction};
  Value* a;
  switch (instruction.opcode) {
    case Opcode::and_:
    case Opcode::or_:
    case Opcode::xor_: bits.logic(); return true;
    case Opcode::not_: bits.result(emitter.ir.CreateNot(bits.source(1))); return true;
    case Opcode::cnot:
      a = bits.source(1);
      bits.result(emitter.ir.CreateZExt(emitter.ir.CreateICmpEQ(a, emitter.like(a, 0)), a->getType()));
      return true;
    case Opcode::shl:
    case Opcode::shr: bits.shift(); return true;
    case Opcode::shf: bits.funnel(); return true;
    case Opcode::popc:
    case Opcode::clz: bits.count(); return true;
    case Opcode::brev:
      bits.result(emitter.ir.CreateUnaryIntrinsic(llvm::Intrinsic::bitreverse, bits.source(1)));
      return true;
    case Opcode::bfind: bits.find(); return true;
    case Opcode::bfe: bits.extract(); return true;
    case Opcode::bfi: bits.insert(); return true;
    case Opcode::lop3: bits.lookup(); return true;
    case Opcode::prmt: bits.permute(); return true;
    case Opcode::bmsk: bits.mask(); return true;
    case Opcode::szext: bits.extend(); return true;
    case Opcode::fns: bits.find_nth(); return true;
    default: return false;
  }
}

}  // namespace software
