// Asks for the memory that an access of a loop's next round, or of the next block, will touch (pass/ahead.h). Asking
// never fails, wherever it is.
#include <llvm/IR/Intrinsics.h>

#include "device/software/codegen/emitter.h"

namespace software {
namespace {

constexpr int64_t line = 64;       // bytes of a cache's line
constexpr int64_t longest = 1024;  // bytes of a row of lanes, beyond which too much would be asked for

}  // namespace

void Emitter::ask_ahead(const Instruction& access) {
  if (growth_.empty() || !all_run()) return;
  const auto& growth = growth_[static_cast<size_t>(&access - function.body.data())];
  if (!growth) return;
  const bool writes = access.opcode == ptx::Opcode::st;
  if (growth->beside && grouping_.rows() > 1) return;
  Value* step = ir.getInt64(static_cast<uint64_t>(growth->factor * (growth->beside ? grouping_.columns : 1)));
  for (uint32_t reg : growth->registers) {
    Value* measure = ir.CreateLoad(registers_[reg].type, registers_[reg].at);
    step = ir.CreateMul(step, ir.CreateSExtOrTrunc(measure, ir.getInt64Ty()));
  }
  auto ask = [&](Value* address, int64_t offset) {
    Value* place = ir.CreateAdd(ir.CreateAdd(address, step), ir.getInt64(static_cast<uint64_t>(offset)));
    ir.CreateIntrinsic(llvm::Intrinsic::prefetch, {ir.getPtrTy()},
                       {ir.CreateIntToPtr(place, ir.getPtrTy()), ir.getInt32(writes), ir.getInt32(2), ir.getInt32(1)});
  };
  const Operand& operand = access.operands[writes ? 0 : 1];
  if (auto linear = linear_address(operand, access.modifiers.space)) {
    int64_t bytes = std::max<int64_t>(linear->stride * grouping_.columns, 1);
    if (linear->stride < 0 || bytes > longest) return;
    for (unsigned row = 0; row < grouping_.rows(); ++row)
      for (int64_t at = 0; at < bytes; at += line)
        ask(varying(linear->base) ? ir.CreateExtractElement(linear->base, uint64_t{row}) : linear->base,
            linear->offset + at);
  } else {
    Value* addresses = address_of(operand, access.modifiers.space);
    ask(element(addresses, ir.getInt64(0)), 0);
  }
}

}  // namespace software
