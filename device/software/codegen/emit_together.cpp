// Where all lanes run and their addresses count up, an access is plain vector loads or stores, one for each row of
// lanes or for each lane. The addresses are looked at once for all lanes: that they are aligned, and that no index
// wrapped round on the way; what fails that is done out of line, lane by lane.
#include <cstddef>

#include "device/software/codegen/together.h"
#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::Align;
using llvm::FixedVectorType;
using llvm::Value;

struct Together {
  Emitter& emitter;
  const ptx::Instruction& instruction;
  Emitter::LinearAddress address;
  llvm::IRBuilder<>& ir = emitter.ir;
  unsigned bytes = std::max(1u, ptx::bits(instruction.modifiers.type) / 8), vector = instruction.modifiers.vector;
  unsigned rows = emitter.grouping().rows(), columns = emitter.grouping().columns;
  llvm::Type* element = ir.getIntNTy(bytes * 8);

  static std::optional<Together> of(Emitter& emitter, const ptx::Instruction& instruction,
                                    const ptx::Operand& operand) {
    if (!emitter.all_run()) return std::nullopt;
    auto address = emitter.linear_address(operand, instruction.modifiers.space);
    if (!address) return std::nullopt;
    // With every lane running, one that wraps round in shared memory is as wild as the first one of its row.
    if (instruction.modifiers.space == ptx::Space::shared) address->fits = nullptr;
    return Together{emitter, instruction, *address};
  }

  Value* row(Value* values, unsigned r) {
    return Emitter::varying(values) ? ir.CreateExtractElement(values, uint64_t{r}) : values;
  }
  Value* start(unsigned r, int64_t offset = 0) {
    return ir.CreateAdd(row(address.base, r), ir.getInt64(static_cast<uint64_t>(address.offset + offset)));
  }
  Value* pointer(unsigned r, int64_t offset = 0) { return ir.CreateIntToPtr(start(r, offset), ir.getPtrTy()); }
  bool consecutive() const { return address.stride == static_cast<int64_t>(bytes) * vector; }

  // i1: not every address is aligned. A multiple of the size lies between lanes, or each lane has to be looked at.
  Value* misaligned() {
    uint64_t size = uint64_t{bytes} * vector;
    if (size == 1) return nullptr;
    Value* low = start(0);
    for (unsigned r = 1; r < rows; ++r) low = ir.CreateOr(low, start(r));
    low = ir.CreateOr(low, ir.getInt64(static_cast<uint64_t>(address.stride) & (size - 1)));
    return ir.CreateICmpNE(ir.CreateAnd(low, ir.getInt64(size - 1)), ir.getInt64(0));
  }

  Value* rare_access(Value* values) {
    auto* words = llvm::ArrayType::get(ir.getInt64Ty(), sizeof(RareAccess) / 8);
    auto* access = emitter.scratch(words);
    auto keep = [&](size_t offset, Value* value) {
      ir.CreateStore(value, ir.CreateConstGEP1_32(ir.getInt8Ty(), access, static_cast<unsigned>(offset)));
    };
    for (unsigned r = 0; r < rows; ++r) {
      keep(offsetof(RareAccess, base) + 8 * r, start(r));
      keep(offsetof(RareAccess, wrap) + 8 * r, address.wrap ? row(address.wrap, r) : ir.getInt64(columns));
    }
    keep(offsetof(RareAccess, stride), ir.getInt64(static_cast<uint64_t>(address.stride)));
    keep(offsetof(RareAccess, correction), ir.getInt64(static_cast<uint64_t>(address.correction)));
    keep(offsetof(RareAccess, columns), ir.getInt32(columns));
    keep(offsetof(RareAccess, lanes), ir.getInt32(emitter.lanes));
    keep(offsetof(RareAccess, bytes), ir.getInt32(bytes));
    keep(offsetof(RareAccess, vector), ir.getInt32(vector));
    keep(offsetof(RareAccess, values), values);
    return access;
  }

  // Runs `plain` where the addresses are as expected and the out-of-line function where they are not.
  void either(const char* rarely, Value* values, const std::function<void()>& plain,
              const std::function<void()>& before, const std::function<void()>& after) {
    auto rare = [&] {
      before();
      emitter.hook(rarely, ir.getVoidTy(), {emitter.warp(), rare_access(values)});
    };
    // It fails then, whatever wraps round; so the next access by the same base need not ask again.
    if (Value* bad = misaligned()) emitter.unless(bad, {}, [&] { rare(), ir.CreateUnreachable(); });
    if (!address.fits) return plain();
    emitter.unless(ir.CreateNot(address.fits), plain, [&] { rare(), after(); });
  }

  std::vector<Value*> load() {
    auto* type = FixedVectorType::get(element, emitter.lanes);
    auto* room = emitter.scratch(llvm::ArrayType::get(type, vector));
    std::vector<Value*> values, others;
    llvm::BasicBlock *plain_ends = nullptr, *rare_ends = nullptr;
    either(
        "outboard_load_rarely", room,
        [&] {
          values = plain_load();
          plain_ends = ir.GetInsertBlock();
        },
        [] {},
        [&] {
          for (unsigned i = 0; i < vector; ++i)
            others.push_back(ir.CreateLoad(type, ir.CreateConstGEP1_32(type, room, i)));
          rare_ends = ir.GetInsertBlock();
        });
    for (unsigned i = 0; rare_ends && i < vector; ++i) {
      auto* met = ir.CreatePHI(type, 2);
      met->addIncoming(values[i], plain_ends);
      met->addIncoming(others[i], rare_ends);
      values[i] = met;
    }
    return values;
  }

  std::vector<Value*> plain_load() {
    std::vector<Value*> parts, values;
    if (address.stride == 0) {
      for (unsigned i = 0; i < vector; ++i) {
        parts.clear();
        for (unsigned r = 0; r < rows; ++r)
          parts.push_back(
              ir.CreateVectorSplat(columns, ir.CreateAlignedLoad(element, pointer(r, i * bytes), Align(1))));
        values.push_back(concatenated(emitter, parts));
      }
      return values;
    }
    unsigned count = consecutive() ? columns * vector : vector;
    auto* type = FixedVectorType::get(element, count);
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned column = 0; column < columns; column += count / vector)
        parts.push_back(ir.CreateAlignedLoad(type, pointer(r, address.stride * column), Align(1)));
    Value* whole = concatenated(emitter, parts);
    for (unsigned i = 0; i < vector; ++i)
      values.push_back(vector == 1 ? whole : part(emitter, whole, i, emitter.lanes, vector));
    return values;
  }

  void store(const std::vector<Value*>& values) {
    auto* type = FixedVectorType::get(element, emitter.lanes);
    auto* room = emitter.scratch(llvm::ArrayType::get(type, vector));
    either(
        "outboard_store_rarely", room, [&] { plain_store(values); },
        [&] {
          for (unsigned i = 0; i < vector; ++i) ir.CreateStore(values[i], ir.CreateConstGEP1_32(type, room, i));
        },
        [] {});
  }

  // Lanes that write to one place do so one after another, so that the last one wins.
  void plain_store(const std::vector<Value*>& values) {
    Value* whole = interleaved(emitter, values);
    unsigned count = consecutive() ? columns * vector : vector;
    for (unsigned first = 0; first < emitter.lanes * vector; first += count) {
      unsigned lane = first / vector;
      Value* at = pointer(lane / columns, address.stride * (lane % columns));
      ir.CreateAlignedStore(part(emitter, whole, first, count), at, Align(1));
    }
  }
};

}  // namespace

std::optional<std::vector<Value*>> load_together(Emitter& emitter, const ptx::Instruction& instruction) {
  auto access = Together::of(emitter, instruction, instruction.operands[1]);
  if (!access) return std::nullopt;
  return access->load();
}

bool store_together(Emitter& emitter, const ptx::Instruction& instruction, const std::vector<Value*>& values) {
  auto access = Together::of(emitter, instruction, instruction.operands[0]);
  if (access) access->store(values);
  return access.has_value();
}

Value* concatenated(Emitter& emitter, std::vector<Value*> parts) {
  auto& ir = emitter.ir;
  while (parts.size() > 1) {
    std::vector<Value*> pairs;
    for (size_t i = 0; i < parts.size(); i += 2) {
      auto count = llvm::cast<FixedVectorType>(parts[i]->getType())->getNumElements();
      std::vector<int> order(2 * count);
      for (unsigned k = 0; k < 2 * count; ++k) order[k] = static_cast<int>(k);
      pairs.push_back(ir.CreateShuffleVector(parts[i], parts[i + 1], order));
    }
    parts = pairs;
  }
  return parts[0];
}

Value* part(Emitter& emitter, Value* whole, unsigned first, unsigned count, unsigned step) {
  if (count == llvm::cast<FixedVectorType>(whole->getType())->getNumElements()) return whole;
  std::vector<int> order;
  for (unsigned k = 0; k < count; ++k) order.push_back(static_cast<int>(first + k * step));
  return emitter.ir.CreateShuffleVector(whole, order);
}

Value* interleaved(Emitter& emitter, const std::vector<Value*>& values) {
  if (values.size() == 1) return values[0];
  std::vector<int> order;
  for (unsigned lane = 0; lane < emitter.lanes; ++lane)
    for (unsigned i = 0; i < values.size(); ++i) order.push_back(static_cast<int>(i * emitter.lanes + lane));
  return emitter.ir.CreateShuffleVector(concatenated(emitter, values), order);
}

}  // namespace software
