// Products of small matrices whose elements lie spread over a warp (PTX ISA, "Warp Level Matrix Multiply-Accumulate
// Instructions"): mma.sync, ldmatrix, stmatrix and movmatrix. Every step is a permutation of lanes that is known here.
#include <llvm/IR/Intrinsics.h>

#include <array>
#include <cstdio>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Opcode;
using ptx::Type;

constexpr unsigned group_of(unsigned lane) { return lane / 4; }
constexpr unsigned place_of(unsigned lane) { return lane % 4; }

struct Shape {
  unsigned m = 0, n = 0, k = 0;
};

Shape shape_of(const ptx::Modifiers& modifiers) {
  for (const std::string& word : modifiers.words) {
    Shape shape;
    if (std::sscanf(word.c_str(), "m%un%uk%u", &shape.m, &shape.n, &shape.k) == 3) return shape;
  }
  return {};
}

// Where an element lies: part `part` of register `reg` of lane `lane`.
struct Place {
  unsigned lane, reg, part;
};

struct Product {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  Shape shape = shape_of(instruction.modifiers);
  const std::vector<Type>& types = instruction.modifiers.types;  // d, a, b, c
  llvm::IRBuilder<>& ir = emitter.ir;
  Type a_type = types.at(1), b_type = types.at(2);
  bool integers = !ptx::is_float(a_type);
  unsigned element_bits = a_type == Type::tf32 ? 32 : ptx::bits(a_type);
  unsigned parts = element_bits >= 32 ? 1 : 32 / element_bits;
  unsigned halves = shape.m / 8;

  // PTX ISA, "Matrix Fragments for mma.m16n8k16" and its kin: groups of four lanes hold a row of A, a column of B.
  Place of_a(unsigned row, unsigned column) const {
    unsigned step = 4 * parts;
    return {row % 8 * 4 + column % step / parts, row / 8 + halves * (column / step), column % parts};
  }
  Place of_b(unsigned row, unsigned column) const {
    unsigned step = 4 * parts;
    return {column * 4 + row % step / parts, row / step, row % parts};
  }

  llvm::Type* wide() const {  // of the accumulator while it runs
    llvm::Type* element = integers              ? static_cast<llvm::Type*>(llvm::Type::getInt32Ty(ir.getContext()))
                          : a_type == Type::f64 ? llvm::Type::getDoubleTy(ir.getContext())
                                                : llvm::Type::getFloatTy(ir.getContext());
    return FixedVectorType::get(element, lanes);
  }

  // One part of a register of A or B, as the accumulator's type.
  Value* unpacked(Value* word, unsigned part, Type type) {
    if (type == Type::f64) return ir.CreateBitCast(word, wide());
    if (type == Type::tf32)  // hardware reads the upper 19 bits
      return ir.CreateBitCast(ir.CreateAnd(word, emitter.like(word, 0xffffe000)), wide());
    Value* up = ir.CreateShl(word, emitter.like(word, 32 - element_bits * (part + 1)));
    if (integers) {
      Value* by = emitter.like(word, 32 - element_bits);
      return ptx::is_signed(type) ? ir.CreateAShr(up, by) : ir.CreateLShr(up, by);
    }
    if (type == Type::bf16) return ir.CreateBitCast(ir.CreateAnd(up, emitter.like(up, 0xffff0000)), wide());
    Value* half = ir.CreateTrunc(ir.CreateLShr(up, emitter.like(up, 16)), FixedVectorType::get(ir.getInt16Ty(), lanes));
    return ir.CreateFPExt(ir.CreateBitCast(half, FixedVectorType::get(ir.getHalfTy(), lanes)), wide());
  }

  std::vector<Value*> matrix(const ptx::Operand& operand, Type type) {
    std::vector<Value*> values;
    auto take = [&](const ptx::Operand& element) {
      Value* word = emitter.splat(emitter.read(element, type == Type::f64 ? Type::b64 : Type::b32));
      for (unsigned part = 0; part < parts; ++part) values.push_back(unpacked(word, part, type));
    };
    if (operand.kind != ptx::Operand::vector) take(operand);
    for (const ptx::Operand& element : operand.elements) take(element);
    return values;  // by register * parts + part
  }

  Value* from_lanes(Value* value, const std::array<int, lanes>& from) {
    bool same = true;
    for (unsigned i = 0; i < lanes; ++i) same = same && from[i] == static_cast<int>(i);
    return same ? value : ir.CreateShuffleVector(value, from);
  }

  // Elements of C and D: register `reg` holds (row g + 8 * (e / 2), column 2 * p + e % 2).
  std::vector<Value*> accumulators(const ptx::Operand& operand, Type type) {
    std::vector<Value*> values;
    auto take = [&](const ptx::Operand& element) {
      Value* word = emitter.splat(emitter.read(element, type == Type::f64 ? Type::b64 : Type::b32));
      if (type != Type::f16) return values.push_back(ir.CreateBitCast(word, wide()));
      Value* halves = emitter.as_float(word, Type::f16x2);
      for (int part : {0, 1}) {
        std::array<int, lanes> of{};
        for (unsigned i = 0; i < lanes; ++i) of[i] = static_cast<int>(2 * i) + part;
        values.push_back(ir.CreateFPExt(ir.CreateShuffleVector(halves, of), wide()));
      }
    };
    if (operand.kind != ptx::Operand::vector) take(operand);
    for (const ptx::Operand& element : operand.elements) take(element);
    return values;
  }

  void store(const ptx::Operand& operand, const std::vector<Value*>& values, Type type) {
    size_t at = 0;
    auto give = [&](const ptx::Operand& element) {
      if (type != Type::f16)
        return emitter.write(element, emitter.as_bits(values.at(at++), type == Type::f64 ? 64 : 32));
      auto half = [&](Value* value) {
        Value* bits = emitter.as_bits(ir.CreateFPTrunc(value, FixedVectorType::get(ir.getHalfTy(), lanes)), 16);
        return ir.CreateZExt(bits, bits->getType()->getWithNewBitWidth(32));
      };
      Value *low = half(values.at(at)), *high = half(values.at(at + 1));
      at += 2;
      emitter.write(element, ir.CreateOr(low, ir.CreateShl(high, emitter.like(high, 16))));
    };
    if (operand.kind != ptx::Operand::vector) give(operand);
    for (const ptx::Operand& element : operand.elements) give(element);
  }

  bool known() const {
    if (shape.n != 8 || (shape.m != 8 && shape.m != 16) || types.size() != 4) return false;
    if (a_type != b_type && !(integers && ptx::bits(a_type) == ptx::bits(b_type))) return false;
    bool volta = a_type == Type::f16 && shape.m == 8;  // m8n8k4 spreads its elements differently
    return !volta && shape.k % (4 * parts) == 0 && element_bits >= 8 && instruction.operands.size() >= 4;
  }

  Value* times_plus(Value* a, Value* b, Value* c) {
    if (integers && instruction.modifiers.has("satfinite"))
      return ir.CreateBinaryIntrinsic(llvm::Intrinsic::sadd_sat, ir.CreateMul(a, b), c);
    if (integers) return ir.CreateAdd(ir.CreateMul(a, b), c);
    return ir.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
  }

  void run() {
    if (!known() || instruction.modifiers.has("sp")) emitter.unsupported(instruction);
    auto a = matrix(instruction.operands[1], a_type), b = matrix(instruction.operands[2], b_type);
    auto sums = accumulators(instruction.operands[3], types[3]);
    if (sums.size() != 2 * halves || a.size() < halves * (shape.k / 4) || b.size() < shape.k / 4)
      emitter.unsupported(instruction);
    for (unsigned k = 0; k < shape.k; ++k) {
      Value *rows[2], *columns[2];
      for (unsigned half = 0; half < halves; ++half) {
        std::array<int, lanes> from{};
        for (unsigned lane = 0; lane < lanes; ++lane)
          from[lane] = static_cast<int>(of_a(group_of(lane) + 8 * half, k).lane);
        Place place = of_a(8 * half, k);
        rows[half] = from_lanes(a[place.reg * parts + place.part], from);
      }
      for (unsigned next : {0, 1}) {
        std::array<int, lanes> from{};
        for (unsigned lane = 0; lane < lanes; ++lane)
          from[lane] = static_cast<int>(of_b(k, 2 * place_of(lane) + next).lane);
        Place place = of_b(k, 0);
        columns[next] = from_lanes(b[place.reg * parts + place.part], from);
      }
      for (unsigned e = 0; e < sums.size(); ++e) sums[e] = times_plus(rows[e / 2], columns[e % 2], sums[e]);
    }
    store(instruction.operands[0], sums, types[0]);
  }
};

// --- rows of 8 elements of 16 bits, one address per row, between shared memory and registers

struct Rows {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  llvm::IRBuilder<>& ir = emitter.ir;
  bool transposed = instruction.modifiers.has("trans");

  unsigned count() const { return instruction.modifiers.has("x4") ? 4 : instruction.modifiers.has("x2") ? 2 : 1; }

  Value* constants(const std::function<uint64_t(unsigned)>& of) {
    std::vector<uint64_t> numbers(lanes);
    for (unsigned i = 0; i < lanes; ++i) numbers[i] = of(i);
    return llvm::ConstantDataVector::get(ir.getContext(), numbers);
  }

  // Addresses of elements: `row` and `column` of a lane's element in matrix `matrix`.
  Value* pointers(Value* addresses, unsigned matrix, const std::function<unsigned(unsigned)>& row,
                  const std::function<unsigned(unsigned)>& column) {
    std::array<int, lanes> from{};
    for (unsigned lane = 0; lane < lanes; ++lane) from[lane] = static_cast<int>(8 * matrix + row(lane));
    Value* starts = ir.CreateShuffleVector(addresses, from);
    Value* places = ir.CreateAdd(starts, constants([&](unsigned lane) { return 2 * column(lane); }));
    return ir.CreateIntToPtr(places, FixedVectorType::get(ir.getPtrTy(), lanes));
  }

  void check() const {
    if (!instruction.modifiers.has("m8n8") || instruction.modifiers.type != Type::b16) emitter.unsupported(instruction);
  }
  const ptx::Operand& part(const ptx::Operand& operand, unsigned i) const {
    return operand.kind == ptx::Operand::vector ? operand.elements.at(i) : operand;
  }

  void load() {
    check();
    Value* addresses = emitter.splat(emitter.address_of(instruction.operands[1], instruction.modifiers.space));
    Value* every = llvm::Constant::getAllOnesValue(FixedVectorType::get(ir.getInt1Ty(), lanes));
    auto gather = [&](Value* from, llvm::Type* element) {
      auto* type = FixedVectorType::get(element, lanes);
      return ir.CreateMaskedGather(type, from, llvm::Align(1), every, llvm::Constant::getNullValue(type));
    };
    std::vector<Value*> words;
    for (unsigned i = 0; i < count(); ++i) {
      if (!transposed) {
        words.push_back(gather(pointers(addresses, i, group_of, [](unsigned lane) { return 2 * place_of(lane); }),
                               ir.getInt32Ty()));
        continue;
      }
      auto half = [&](unsigned which) {
        auto row = [which](unsigned lane) { return 2 * place_of(lane) + which; };
        return ir.CreateZExt(gather(pointers(addresses, i, row, group_of), ir.getInt16Ty()),
                             FixedVectorType::get(ir.getInt32Ty(), lanes));
      };
      Value *low = half(0), *high = half(1);
      words.push_back(ir.CreateOr(low, ir.CreateShl(high, emitter.like(high, 16))));
    }
    for (unsigned i = 0; i < count(); ++i) emitter.write(part(instruction.operands[0], i), words[i], Type::b32);
  }

  void store() {
    check();
    Value* addresses = emitter.splat(emitter.address_of(instruction.operands[0], instruction.modifiers.space));
    Value* every = llvm::Constant::getAllOnesValue(FixedVectorType::get(ir.getInt1Ty(), lanes));
    for (unsigned i = 0; i < count(); ++i) {
      Value* word = emitter.splat(emitter.read(part(instruction.operands[1], i), Type::b32));
      if (!transposed) {
        ir.CreateMaskedScatter(word, pointers(addresses, i, group_of, [](unsigned lane) { return 2 * place_of(lane); }),
                               llvm::Align(1), every);
        continue;
      }
      for (unsigned which : {0, 1}) {
        auto row = [which](unsigned lane) { return 2 * place_of(lane) + which; };
        Value* half = ir.CreateTrunc(ir.CreateLShr(word, emitter.like(word, 16 * which)),
                                     FixedVectorType::get(ir.getInt16Ty(), lanes));
        ir.CreateMaskedScatter(half, pointers(addresses, i, row, group_of), llvm::Align(1), every);
      }
    }
  }

  void transpose() {  // movmatrix: element (row, column) comes from (column, row)
    check();
    Value* word = emitter.splat(emitter.read(instruction.operands[1], Type::b32));
    Value* halves = ir.CreateBitCast(word, FixedVectorType::get(ir.getInt16Ty(), 2 * lanes));
    std::vector<int> from;
    for (unsigned lane = 0; lane < lanes; ++lane)
      for (unsigned which : {0u, 1u}) {
        unsigned row = 2 * place_of(lane) + which, column = group_of(lane);
        from.push_back(static_cast<int>(2 * (4 * row + column / 2) + column % 2));
      }
    emitter.write(instruction.operands[0], ir.CreateBitCast(ir.CreateShuffleVector(halves, from), word->getType()),
                  Type::b32);
  }
};

}  // namespace

bool emit_matrix(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::mma:
      if (instruction.modifiers.types.size() != 4) emitter.unsupported(instruction);
      Product{emitter, instruction}.run();
      return true;
    case Opcode::ldmatrix: Rows{emitter, instruction}.load(); return true;
    case Opcode::stmatrix: Rows{emitter, instruction}.store(); return true;
    case Opcode::movmatrix: Rows{emitter, instruction}.transpose(); return true;
    default: return false;
  }
}

}  // namespace software
