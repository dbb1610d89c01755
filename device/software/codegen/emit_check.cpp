// Accesses that ask before they are made (run/watcher.h). What comes back are the addresses to use: a lane that must
// not touch its own gets one that leads nowhere in particular.
#include <algorithm>

#include "device/software/codegen/emitter.h"
#include "device/software/run/watcher.h"

namespace software {
namespace {

using ptx::Opcode;
using ptx::Space;

uint32_t space_bits(Space space) {
  AccessSpace named = space == Space::global     ? AccessSpace::global
                      : space == Space::shared   ? AccessSpace::shared
                      : space == Space::local    ? AccessSpace::local
                      : space == Space::constant ? AccessSpace::constant
                                                 : AccessSpace::generic;
  return static_cast<uint32_t>(named) << outboard_space_bits;
}

// A kernel of one function alone: its frame is all the local memory that a lane has.
bool has_one_frame(const ptx::Function& function, const ptx::Module& source) {
  auto leaves = [&](const ptx::Instruction& instruction) {
    if (instruction.opcode != Opcode::call) return false;
    const ptx::Operand& callee = instruction.operands.at(0);
    return callee.kind != ptx::Operand::function || source.functions[callee.index].defined;
  };
  return function.is_entry && !uses_stack(function) && std::none_of(function.body.begin(), function.body.end(), leaves);
}

}  // namespace

Emitter::Value* Emitter::checked(Value* addresses, const Asked& what, const std::vector<Value*>& values) {
  if (!grouping_.checked || what.space == Space::param) return addresses;
  if (!asked_) asked_ = scratch(llvm::FixedVectorType::get(ir.getInt64Ty(), lanes));
  ir.CreateStore(addresses, asked_);
  uint32_t how = what.how | space_bits(what.space) | what.elements << outboard_element_bits;
  if (!varying(addresses)) how |= outboard_one_address;
  if (what.space == Space::local && has_one_frame(function, source)) how |= outboard_own_frame;
  Value* known = llvm::Constant::getNullValue(ir.getPtrTy());
  if (!values.empty()) {
    auto* type = splat(values[0])->getType();
    known = scratch(llvm::ArrayType::get(type, values.size()));
    for (unsigned i = 0; i < values.size(); ++i)
      ir.CreateStore(splat(values[i]), ir.CreateConstGEP1_32(type, known, i));
  }
  hook("outboard_check_access", ir.getVoidTy(),
       {warp_, asked_, what.lanes ? what.lanes : active(), ir.getInt32(what.bytes), ir.getInt32(how), known});
  return ir.CreateLoad(addresses->getType(), asked_);
}

Emitter::Value* Emitter::checked_range(Value* lane, Value* address, Value* bytes, Space space, uint32_t how) {
  if (!grouping_.checked) return address;
  bytes = ir.CreateZExtOrTrunc(bytes, ir.getInt64Ty());
  return hook("outboard_check_range", ir.getInt64Ty(),
              {warp_, lane, address, bytes, ir.getInt32(how | space_bits(space))});
}

}  // namespace software
