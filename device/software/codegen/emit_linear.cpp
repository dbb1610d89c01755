// Linear values: what pass/shape.h found to count up from lane to lane is computed once per row of lanes and spread out
// only where an instruction wants every lane.
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/Triple.h>

#include <cstddef>
#include <cstdlib>

#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;
using ptx::Opcode;
using ptx::Operand;
using ptx::Special;

llvm::Type* Emitter::row_type(llvm::Type* element) const {
  return grouping_.rows() == 1 ? element : FixedVectorType::get(element, grouping_.rows());
}

Emitter::Value* Emitter::rows(Value* value) {
  return grouping_.rows() == 1 || varying(value) ? value : ir.CreateVectorSplat(grouping_.rows(), value);
}

Emitter::Value* Emitter::expanded(Value* bases) {
  if (!varying(bases)) return splat(bases);
  std::vector<int> lane_rows(lanes);
  for (unsigned lane = 0; lane < lanes; ++lane) lane_rows[lane] = static_cast<int>(lane / grouping_.columns);
  return ir.CreateShuffleVector(bases, lane_rows);
}

// What one register or special register holds, as a vector of all lanes.
Emitter::Value* Emitter::materialised(const Linear& value, const Shape& shape) {
  Value* whole = expanded(value.base);
  unsigned width = whole->getType()->getScalarSizeInBits();
  std::vector<llvm::Constant*> steps;
  for (unsigned lane = 0; lane < lanes; ++lane)
    steps.push_back(
        llvm::cast<llvm::Constant>(constant(static_cast<uint64_t>(shape.stride) * (lane % grouping_.columns), width)));
  if (shape.stride) whole = ir.CreateAdd(whole, llvm::ConstantVector::get(steps));
  if (!shape.correction || !value.wrap) return whole;
  std::vector<llvm::Constant*> columns;
  for (unsigned lane = 0; lane < lanes; ++lane) columns.push_back(ir.getInt64(lane % grouping_.columns));
  Value* behind = ir.CreateICmpUGE(llvm::ConstantVector::get(columns), expanded(value.wrap));
  return ir.CreateAdd(whole,
                      ir.CreateSelect(behind, like(whole, static_cast<uint64_t>(shape.correction)), like(whole, 0)));
}

Emitter::Linear Emitter::special_rows(Special special) {
  if (special == Special::laneid) return {ir.getInt32(0), nullptr};
  unsigned axis = static_cast<unsigned>(special) - static_cast<unsigned>(Special::tid_x);
  if (grouping_.rows() == 1) return {warp_field(offsetof(Warp, thread) + 4 * axis, ir.getInt32Ty()), nullptr};
  auto* type = row_type(ir.getInt32Ty());
  if (axis == 0) return {llvm::Constant::getNullValue(type), nullptr};
  std::vector<uint32_t> numbers;
  for (unsigned row = 0; row < grouping_.rows(); ++row) numbers.push_back(row);
  Value* first =
      ir.CreateUDiv(warp_field(offsetof(Warp, first_thread), ir.getInt32Ty()), ir.getInt32(grouping_.columns));
  Value* row = ir.CreateAdd(rows(first), llvm::ConstantDataVector::get(ir.getContext(), numbers));
  Value* height = rows(launch_field(offsetof(Launch, block) + 4, ir.getInt32Ty()));
  return {axis == 1 ? ir.CreateURem(row, height) : ir.CreateUDiv(row, height), nullptr};
}

Shape Emitter::shape_of_operand(const Operand& operand) const {
  if (operand.kind == Operand::reg || (operand.kind == Operand::address && operand.base_kind == Operand::reg))
    return shape_.shapes[operand.index];
  return operand.kind == Operand::special_register ? shape_of(operand.special, grouping_) : uniform_shape;
}

Emitter::Linear Emitter::read_linear(const Operand& operand, ptx::Type type) {
  if (operand.kind == Operand::special_register && shape_of_operand(operand).kind == Shape::linear)
    return special_rows(operand.special);
  bool in_register = operand.kind == Operand::reg && shape_of_operand(operand).kind == Shape::linear;
  if (!in_register) return {read(operand, type), nullptr};
  const Slot& slot = registers_[operand.index];
  Value* base = ir.CreateLoad(slot.type, slot.at);
  Value* wrap = nullptr;
  if (auto* kept = wraps_[operand.index]) wrap = ir.CreateLoad(kept->getAllocatedType(), kept);
  if (rare_) base = hidden(base);
  if (rare_ && wrap) wrap = hidden(wrap);
  return {ir.CreateZExtOrTrunc(base, base->getType()->getWithNewBitWidth(ptx::bits(type))), wrap};
}

// An empty assembly statement: where its result comes from is not seen, and it is not moved.
Emitter::Value* Emitter::hidden(Value* value) {
  static const bool x86 = llvm::Triple(llvm::sys::getProcessTriple()).isX86();
  if (!x86) return value;
  auto* held = value->getType();
  bool small = held->getPrimitiveSizeInBits() <= 64;
  if (small && varying(value)) value = ir.CreateBitCast(value, ir.getInt64Ty());
  auto* type = llvm::FunctionType::get(value->getType(), {value->getType()}, false);
  value = ir.CreateCall(type, llvm::InlineAsm::get(type, "", small ? "=r,0" : "=x,0", true), {value});
  return ir.CreateBitCast(value, held);
}

void Emitter::rarely(const std::function<void()>& body) {
  rare_ = true;
  body();
  rare_ = false;
}

// A 32-bit value becomes a 64-bit one; from `wrap` on, the 32-bit value has gone round.
Emitter::Linear Emitter::widened(const Linear& value, const Shape& shape, bool is_signed) {
  auto* wide = value.base->getType()->getWithNewBitWidth(64);
  Value* base = is_signed ? ir.CreateSExt(value.base, wide) : ir.CreateZExt(value.base, wide);
  auto stride = static_cast<int64_t>(static_cast<int32_t>(shape.stride));
  if (shape.kind != Shape::linear || stride == 0) return {base, nullptr};
  uint64_t step = static_cast<uint64_t>(std::llabs(stride)), end = uint64_t{1} << (is_signed ? 31 : 32);
  const uint64_t reach = step * (grouping_.columns - 1);  // of a row, which hardly ever goes round: that is asked first
  Value *fits, *wrap;
  if (stride > 0) {
    Value* last = like(value.base, end - 1 - reach);
    fits = is_signed ? ir.CreateICmpSLE(value.base, last) : ir.CreateICmpULE(value.base, last);
    wrap = ir.CreateUDiv(ir.CreateAdd(ir.CreateSub(like(base, end), base), like(base, step - 1)), like(base, step));
  } else {
    Value* first = like(value.base, is_signed ? reach - end : reach);
    fits = is_signed ? ir.CreateICmpSGE(value.base, first) : ir.CreateICmpUGE(value.base, first);
    Value* room = is_signed ? ir.CreateAdd(base, like(base, end)) : base;
    wrap = ir.CreateAdd(ir.CreateUDiv(room, like(base, step)), like(base, 1));
  }
  wrap = ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, wrap, like(wrap, grouping_.columns - 1));
  return {base, ir.CreateSelect(fits, like(wrap, grouping_.columns), wrap)};
}

// The value of an instruction whose rule stands in pass/shape.cpp.
Emitter::Linear Emitter::linear_value(const Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  const auto& operands = instruction.operands;
  ptx::Type type = modifiers.type;
  bool is_signed = ptx::is_signed(type);
  auto source = [&](size_t i, ptx::Type as) { return read_linear(operands[i], as); };
  auto both = [&](Linear& a, Linear& b) {
    if (varying(a.base)) b.base = rows(b.base);
    if (varying(b.base)) a.base = rows(a.base);
  };
  auto sum = [&](Linear a, Linear b, bool subtract) -> Linear {
    both(a, b);
    return {subtract ? ir.CreateSub(a.base, b.base) : ir.CreateAdd(a.base, b.base), a.wrap ? a.wrap : b.wrap};
  };
  switch (instruction.opcode) {
    case Opcode::add: return sum(source(1, type), source(2, type), false);
    case Opcode::sub: return sum(source(1, type), source(2, type), true);
    case Opcode::cvt: {
      if (ptx::bits(type) == 64 && ptx::bits(modifiers.source_type) == 32)
        return widened(source(1, modifiers.source_type), shape_of_operand(operands[1]),
                       ptx::is_signed(modifiers.source_type));
      Linear value = source(1, modifiers.source_type);
      value.base = ir.CreateZExtOrTrunc(value.base, value.base->getType()->getWithNewBitWidth(ptx::bits(type)));
      return value;
    }
    case Opcode::mul:
    case Opcode::mad: {
      bool wide = modifiers.width == ptx::Width::wide;
      ptx::Type result = wide ? ptx::Type::b64 : type;
      auto factor = [&](size_t i) {
        return wide ? widened(source(i, type), shape_of_operand(operands[i]), is_signed) : source(i, type);
      };
      Linear a = factor(1), b = factor(2);
      both(a, b);
      Linear product{ir.CreateMul(a.base, b.base), a.wrap ? a.wrap : b.wrap};
      return instruction.opcode == Opcode::mul ? product : sum(product, source(3, result), false);
    }
    default: break;
  }
  if (instruction.opcode == Opcode::mov || instruction.opcode == Opcode::cvta) return source(1, type);
  bool shift = instruction.opcode == Opcode::shl || instruction.opcode == Opcode::shr;
  Linear a = source(1, type), b = source(2, shift ? ptx::Type::u32 : type);
  both(a, b);
  if (!shift) {
    auto operation = instruction.opcode == Opcode::and_  ? llvm::Instruction::And
                     : instruction.opcode == Opcode::or_ ? llvm::Instruction::Or
                                                         : llvm::Instruction::Xor;
    return {ir.CreateBinOp(operation, a.base, b.base), nullptr};
  }
  // PTX ISA, "shl", "shr": amounts beyond the width count as the width.
  unsigned width = ptx::bits(type);
  Value* large = ir.CreateICmpUGE(b.base, like(b.base, width));
  Value* amount = ir.CreateZExtOrTrunc(ir.CreateSelect(large, like(b.base, width - 1), b.base), a.base->getType());
  if (instruction.opcode == Opcode::shr && is_signed) return {ir.CreateAShr(a.base, amount), nullptr};
  Value* moved = instruction.opcode == Opcode::shl ? ir.CreateShl(a.base, amount) : ir.CreateLShr(a.base, amount);
  return {ir.CreateSelect(large, like(a.base, 0), moved), a.wrap};
}

bool Emitter::emit_linear(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::mov:
    case Opcode::cvta:
    case Opcode::add:
    case Opcode::sub:
    case Opcode::mul:
    case Opcode::mad:
    case Opcode::shl:
    case Opcode::shr:
    case Opcode::and_:
    case Opcode::or_:
    case Opcode::xor_:
    case Opcode::cvt: break;
    default: return false;
  }
  if (instruction.destinations != 1 || instruction.operands[0].kind != Operand::reg) return false;
  if (shape_of_operand(instruction.operands[0]).kind == Shape::varying) return false;
  bool linear = false;
  for (size_t i = 1; i < instruction.operands.size(); ++i)
    linear = linear || shape_of_operand(instruction.operands[i]).kind == Shape::linear;
  if (!linear) return false;
  write_linear(instruction.operands[0], linear_value(instruction));
  return true;
}

void Emitter::write_linear(const Operand& operand, Linear value) {
  auto keep = [&](Value* at, Value* made) {
    if (guard_) made = ir.CreateSelect(guard_, made, ir.CreateLoad(made->getType(), at));
    ir.CreateStore(made, at);
  };
  const Slot& slot = registers_[operand.index];
  value.base =
      ir.CreateZExtOrTrunc(value.base, value.base->getType()->getWithNewBitWidth(slot.type->getScalarSizeInBits()));
  bool linear = shape_.shapes[operand.index].kind == Shape::linear;
  keep(slot.at, linear ? rows(value.base) : value.base);
  if (auto* wrap = wraps_[operand.index]) keep(wrap, rows(value.wrap ? value.wrap : ir.getInt64(grouping_.columns)));
}

Emitter::Value* Emitter::all_rows(Value* conditions) {
  if (!varying(conditions)) return conditions;
  return ir.CreateAndReduce(conditions);
}

std::optional<Emitter::LinearAddress> Emitter::linear_address(const Operand& operand, ptx::Space space) {
  if (operand.base_kind != Operand::reg || shape_.shapes[operand.index].kind != Shape::linear) return std::nullopt;
  const Shape& shape = shape_.shapes[operand.index];
  Operand base;
  base.kind = Operand::reg;
  base.index = operand.index;
  auto offset = static_cast<uint64_t>(operand.value);
  if (space == ptx::Space::shared) {
    // Addresses in shared memory have 32 bits; a row that starts below 2^31 and goes up does not wrap round.
    auto stride = static_cast<int64_t>(static_cast<int32_t>(shape.stride));
    if (stride < 0 || stride * (grouping_.columns - 1) >= int64_t{1} << 31) return std::nullopt;
    Value* start = read_linear(base, ptx::Type::b32).base;
    Value* fits = all_rows(ir.CreateICmpSGE(ir.CreateAdd(start, like(start, offset)), like(start, 0)));
    Value* memory = shared_memory();
    if (varying(start)) memory = rows(memory);
    return LinearAddress{ir.CreateAdd(ir.CreateSExt(start, start->getType()->getWithNewBitWidth(64)), memory),
                         static_cast<int32_t>(offset),
                         stride,
                         stride ? fits : nullptr,
                         nullptr,
                         0};
  }
  if (ptx::bits(function.registers[operand.index].type) != 64) return std::nullopt;
  Linear value = read_linear(base, ptx::Type::b64);
  Value* fits = nullptr;
  if (shape.correction && value.wrap)
    fits = all_rows(ir.CreateICmpUGE(value.wrap, like(value.wrap, grouping_.columns)));
  return LinearAddress{value.base, operand.value, shape.stride, fits, fits ? value.wrap : nullptr, shape.correction};
}

}  // namespace software
