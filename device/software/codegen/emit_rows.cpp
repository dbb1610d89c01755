// ldmatrix, stmatrix, movmatrix (PTX ISA, "Warp-level matrix load instruction: ldmatrix" and its neighbours): rows of
// 16 bytes of shared memory, whose addresses lanes hold, and registers in which four lanes hold a row.
#include "device/software/codegen/matrix.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Instruction;
using ptx::Type;

struct Rows {
  Emitter& emitter;
  const Instruction& instruction;
  const ptx::Modifiers& modifiers = instruction.modifiers;
  llvm::IRBuilder<>& ir = emitter.ir;
  bool transposed = modifiers.has("trans");

  llvm::FixedVectorType* row_of(unsigned bits) { return FixedVectorType::get(ir.getIntNTy(bits), 128 / bits); }
  unsigned count() const { return modifiers.has("x4") ? 4 : modifiers.has("x2") ? 2 : 1; }

  void require_registers(size_t operand, unsigned number) const {
    if (instruction.operands.size() <= operand || piece_count(instruction.operands[operand]) != number)
      emitter.unsupported(instruction, "its operand does not have the registers of this shape");
  }

  // Where rows 0 to `rows` - 1 lie, by lane.
  std::vector<Value*> row_pointers(size_t operand, unsigned rows) {
    if (instruction.operands.size() != 2) emitter.unsupported(instruction);
    Value* addresses = emitter.splat(emitter.address_of(instruction.operands[operand], modifiers.space));
    std::vector<llvm::Constant*> used(lanes);
    for (unsigned lane = 0; lane < lanes; ++lane) used[lane] = ir.getInt1(lane < rows);
    uint32_t how = instruction.opcode == ptx::Opcode::stmatrix ? outboard_writes : outboard_reads;
    addresses = emitter.checked(addresses, {16, modifiers.space, how | outboard_whole_warp, 1,
                                            ir.getInt32(rows < 32 ? (1u << rows) - 1 : ~0u)});
    Value* named = ir.CreateSelect(llvm::ConstantVector::get(used), addresses, emitter.like(addresses, 0));
    emitter.require_aligned(named, 16);
    std::vector<Value*> pointers;
    for (unsigned row = 0; row < rows; ++row)
      pointers.push_back(ir.CreateIntToPtr(ir.CreateExtractElement(addresses, row), ir.getPtrTy()));
    return pointers;
  }

  Value* joined(std::vector<Value*> parts) {
    while (parts.size() > 1) {
      std::vector<Value*> next;
      for (size_t i = 0; i < parts.size(); i += 2) {
        auto length = llvm::cast<FixedVectorType>(parts[i]->getType())->getNumElements();
        std::vector<int> all(2 * length);
        for (unsigned e = 0; e < 2 * length; ++e) all[e] = static_cast<int>(e);
        next.push_back(ir.CreateShuffleVector(parts[i], parts[i + 1], all));
      }
      parts = next;
    }
    return parts[0];
  }
  Value* register_of(const std::array<Value*, 8>& rows) {
    std::vector<Value*> words;
    for (Value* row : rows) words.push_back(ir.CreateBitCast(row, row_of(32)));
    return joined(words);
  }
  std::array<Value*, 8> rows_of(Value* word, unsigned bits) {
    std::array<Value*, 8> rows{};
    for (unsigned i = 0; i < 8; ++i) {
      int first = static_cast<int>(4 * i);
      Value* row = ir.CreateShuffleVector(word, {first, first + 1, first + 2, first + 3});
      rows[i] = ir.CreateBitCast(row, row_of(bits));
    }
    return rows;
  }

  Value* bytes_of(Value* vector) {
    unsigned bytes = static_cast<unsigned>(vector->getType()->getPrimitiveSizeInBits()) / 8;
    return ir.CreateBitCast(vector, FixedVectorType::get(ir.getInt8Ty(), bytes));
  }

  // .b4x16_p64, .b6x16_p32: sixteen numbers of 4 or 6 bits and padding, each of which becomes a byte.
  Value* widened(Value* row) {
    unsigned bits = modifiers.has("b4x16_p64") ? 4 : modifiers.has("b6x16_p32") ? 6 : 8;
    if (bits == 8) return row;
    std::vector<int> bytes;
    std::vector<uint16_t> shift;
    for (unsigned i = 0; i < 16; ++i) {
      unsigned first = bits * i / 8;
      bytes.push_back(static_cast<int>(first));
      bytes.push_back(static_cast<int>(first + 1));
      shift.push_back(static_cast<uint16_t>(bits * i % 8));
    }
    Value* pairs = ir.CreateShuffleVector(bytes_of(row), bytes);
    pairs = ir.CreateBitCast(pairs, FixedVectorType::get(ir.getInt16Ty(), 16));
    pairs = ir.CreateLShr(pairs, llvm::ConstantDataVector::get(ir.getContext(), shift));
    pairs = ir.CreateAnd(pairs, emitter.like(pairs, (1u << bits) - 1));
    return ir.CreateTrunc(pairs, row_of(8));
  }

  // Lane 4 * g + p holds of rows 4 * p + 2 * r and the next the bytes g, and then the bytes g + 8.
  Value* bytes_transposed(const std::vector<Value*>& rows, unsigned reg) {
    std::vector<Value*> quarters;
    for (unsigned p = 0; p < 4; ++p) {
      std::vector<int> pairs;
      for (int i : {0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15})
        for (int row : {0, 16}) pairs.push_back(row + i);
      Value* both = ir.CreateShuffleVector(rows[4 * p + 2 * reg], rows[4 * p + 2 * reg + 1], pairs);
      quarters.push_back(ir.CreateBitCast(both, FixedVectorType::get(ir.getInt32Ty(), 8)));
    }
    std::vector<int> from;
    for (int lane = 0; lane < static_cast<int>(lanes); ++lane) from.push_back(lane % 4 * 8 + lane / 4);
    return ir.CreateShuffleVector(joined(quarters), from);
  }

  void write(size_t i, Value* words) { emitter.write(piece(instruction.operands[0], i), words, Type::b32); }

  void load_16x16(unsigned matrices) {
    require_registers(0, 2 * matrices);
    auto pointers = row_pointers(1, 16 * matrices);
    std::vector<Value*> words;
    for (unsigned matrix = 0; matrix < matrices; ++matrix) {
      std::vector<Value*> rows;
      for (unsigned i = 0; i < 16; ++i)
        rows.push_back(widened(ir.CreateAlignedLoad(row_of(8), pointers[16 * matrix + i], llvm::Align(16))));
      for (unsigned reg : {0u, 1u}) words.push_back(bytes_transposed(rows, reg));
    }
    for (size_t i = 0; i < words.size(); ++i) write(i, words[i]);
  }

  void load() {
    MatrixShape shape = matrix_shape(modifiers);
    bool narrow = modifiers.has("b4x16_p64") || modifiers.has("b6x16_p32");
    bool bytes = modifiers.has("b8") || (modifiers.has("b8x16") && narrow);
    if (shape.m == 16 && shape.n == 16 && transposed && bytes && count() <= 2) return load_16x16(count());
    bool halves = shape.m == 8 && shape.n == 8 && modifiers.type == Type::b16;
    bool widens = shape.m == 8 && shape.n == 16 && narrow && !transposed;
    if (!halves && !widens) emitter.unsupported(instruction);
    require_registers(0, count());
    auto pointers = row_pointers(1, 8 * count());
    std::vector<Value*> words;
    for (unsigned matrix = 0; matrix < count(); ++matrix) {
      std::array<Value*, 8> rows{};
      for (unsigned i = 0; i < 8; ++i)
        rows[i] = ir.CreateAlignedLoad(row_of(widens ? 8 : 16), pointers[8 * matrix + i], llvm::Align(16));
      if (widens)
        for (Value*& row : rows) row = widened(row);
      if (transposed) transpose(ir, rows);
      words.push_back(register_of(rows));
    }
    for (size_t i = 0; i < words.size(); ++i) write(i, words[i]);
  }

  // .m16n8 of .b8 with .trans: lane 4 * g + p holds of columns 2 * p and the next the bytes of row g, then of row g
  // + 8.
  std::array<Value*, 8> columns_of_bytes(Value* word) {
    std::array<Value*, 8> rows{};
    for (unsigned p = 0; p < 4; ++p) {
      std::vector<int> lanes_of_p, even, odd;
      for (int g = 0; g < 8; ++g) lanes_of_p.push_back(4 * g + static_cast<int>(p));
      for (int byte : {0, 2})
        for (int g = 0; g < 8; ++g) even.push_back(4 * g + byte), odd.push_back(4 * g + byte + 1);
      Value* bytes = bytes_of(ir.CreateShuffleVector(word, lanes_of_p));
      rows[2 * p] = ir.CreateShuffleVector(bytes, even);
      rows[2 * p + 1] = ir.CreateShuffleVector(bytes, odd);
    }
    return rows;
  }

  void store() {
    MatrixShape shape = matrix_shape(modifiers);
    bool halves = shape.m == 8 && shape.n == 8 && modifiers.type == Type::b16;
    bool bytes = shape.m == 16 && shape.n == 8 && modifiers.type == Type::b8 && transposed;
    if (!halves && !bytes) emitter.unsupported(instruction);
    require_registers(1, count());
    auto pointers = row_pointers(0, 8 * count());
    for (unsigned matrix = 0; matrix < count(); ++matrix) {
      Value* word = emitter.splat(emitter.read(piece(instruction.operands[1], matrix), Type::b32));
      std::array<Value*, 8> rows = bytes ? columns_of_bytes(word) : rows_of(word, 16);
      if (halves && transposed) transpose(ir, rows);
      for (unsigned i = 0; i < 8; ++i) ir.CreateAlignedStore(rows[i], pointers[8 * matrix + i], llvm::Align(16));
    }
  }

  void move() {  // element (row, column) comes from (column, row)
    if (matrix_shape(modifiers).m != 8 || modifiers.type != Type::b16 || !transposed ||
        instruction.operands.size() != 2)
      emitter.unsupported(instruction);
    auto rows = rows_of(emitter.splat(emitter.read(instruction.operands[1], Type::b32)), 16);
    transpose(ir, rows);
    write(0, register_of(rows));
  }
};

}  // namespace

void emit_ldmatrix(Emitter& emitter, const Instruction& instruction) { Rows{emitter, instruction}.load(); }
void emit_stmatrix(Emitter& emitter, const Instruction& instruction) { Rows{emitter, instruction}.store(); }
void emit_movmatrix(Emitter& emitter, const Instruction& instruction) { Rows{emitter, instruction}.move(); }

}  // namespace software
