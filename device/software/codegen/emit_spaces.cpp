// Which state space an address lies in, and cache policies.
#include "device/software/codegen/spaces.h"

#include <cstddef>

#include "device/software/run/warp.h"

namespace software {
namespace {

using llvm::Value;
using ptx::Opcode;
using ptx::Space;

// Which of the spaces a generic address lies in (PTX ISA, "isspacep"): a window each, and global is what is left; the
// parameters of kernels belong to it, too.
void emit_isspacep(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* address = emitter.read(instruction.operands[1], ptx::Type::b64);
  auto inside = [&](Value* begin, Value* size) {
    Value *base = begin, *bytes = size;
    if (Emitter::varying(address)) base = emitter.splat(base), bytes = emitter.splat(bytes);
    return ir.CreateICmpULT(ir.CreateSub(address, base), bytes);
  };
  auto warp_pointer = [&](unsigned offset) {
    return ir.CreatePtrToInt(emitter.warp_field(offset, ir.getPtrTy()), ir.getInt64Ty());
  };
  auto launch_size = [&](unsigned offset) {
    return ir.CreateZExt(emitter.launch_field(offset, ir.getInt32Ty()), ir.getInt64Ty());
  };
  Value* own = inside(warp_pointer(offsetof(Warp, shared)), launch_size(offsetof(Launch, total_shared)));
  Value* blocks = launch_size(offsetof(Launch, cluster_blocks));
  Value* room = ir.CreateMul(blocks, emitter.launch_field(offsetof(Launch, shared_pitch), ir.getInt64Ty()));
  room = ir.CreateSelect(ir.CreateICmpEQ(blocks, ir.getInt64(1)), ir.getInt64(0), room);
  Value* cluster = ir.CreateOr(own, inside(warp_pointer(offsetof(Warp, cluster_shared)), room));
  Value* local_bytes = ir.CreateMul(launch_size(offsetof(Launch, local_bytes)), ir.getInt64(lanes));
  Value* local = inside(warp_pointer(offsetof(Warp, local)), local_bytes);
  Value* constant = ir.CreateICmpNE(address, address);
  for (size_t i = 0; i < emitter.source.variables.size(); ++i) {
    const auto& variable = emitter.source.variables[i];
    if (variable.space != Space::constant) continue;
    Value* begin = emitter.variable_address(i);
    constant = ir.CreateOr(constant, inside(begin, ir.getInt64(variable.size)));
  }
  Value* truth = nullptr;
  switch (instruction.modifiers.space) {
    case Space::shared: truth = instruction.modifiers.has("shared::cluster") ? cluster : own; break;
    case Space::local: truth = local; break;
    case Space::constant: truth = constant; break;
    case Space::param: {
      Value* begin =
          ir.CreatePtrToInt(emitter.launch_field(offsetof(Launch, parameters), ir.getPtrTy()), ir.getInt64Ty());
      truth = inside(begin, launch_size(offsetof(Launch, parameter_bytes)));
      break;
    }
    default: truth = ir.CreateNot(ir.CreateOr(constant, ir.CreateOr(cluster, local)));
  }
  emitter.write(instruction.operands[0], truth);
}

// A cache policy is a number that nobody looks at; createpolicy.cvt's is given.
void emit_policy(Emitter& emitter, const ptx::Instruction& instruction) {
  bool given = instruction.modifiers.has("cvt");
  Value* policy = given ? emitter.read(instruction.operands.at(1), ptx::Type::b64) : emitter.constant(0, 64);
  emitter.write(instruction.operands[0], policy, ptx::Type::b64);
}

}  // namespace

bool emit_space(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::isspacep: emit_isspacep(emitter, instruction); return true;
    case Opcode::createpolicy: emit_policy(emitter, instruction); return true;
    default: return false;
  }
}

}  // namespace software
