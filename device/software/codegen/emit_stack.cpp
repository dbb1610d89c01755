// alloca, stacksave and stackrestore (PTX ISA, "Stack Manipulation Instructions"). The lanes of a warp share one end of
// the stack: what one asks for, each of them gets.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <cstddef>

#include "device/software/codegen/emitter.h"
#include "device/software/run/warp.h"

namespace software {

using llvm::FixedVectorType;
using llvm::Value;
using ptx::Opcode;

Emitter::Value* Emitter::stack_end() {
  return stack_end_ ? ir.CreateLoad(ir.getInt64Ty(), stack_end_)
                    : ir.CreateAdd(frame_, ir.getInt64(frame_bytes() * lanes));
}

void Emitter::move_stack(Value* end) { ir.CreateStore(end, stack_end_); }

namespace {

constexpr uint64_t most_at_once = uint64_t{1} << 24;  // bytes per lane; far beyond any kernel's local memory

// The most that a running lane asks for, rounded up to keep every lane's piece aligned.
Value* size_per_lane(Emitter& emitter, Value* size, uint64_t alignment) {
  auto& ir = emitter.ir;
  Value* wanted = emitter.splat(size);
  wanted = ir.CreateSelect(emitter.active_lanes(), wanted, emitter.like(wanted, 0));
  Value* most = ir.CreateIntMaxReduce(wanted);
  most = ir.CreateBinaryIntrinsic(llvm::Intrinsic::umin, most, ir.getInt64(most_at_once));
  return ir.CreateAnd(ir.CreateAdd(most, ir.getInt64(alignment - 1)), ir.getInt64(~(alignment - 1)));
}

void allocate(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  uint64_t alignment = 16;
  if (instruction.operands.size() > 2) alignment = static_cast<uint64_t>(instruction.operands[2].value);
  if (alignment == 0 || (alignment & (alignment - 1)) || alignment > 4096)
    emitter.unsupported(instruction, "an alignment that is no power of two up to 4096");
  alignment = std::max<uint64_t>(alignment, 16);
  Value* size = size_per_lane(emitter, emitter.read(instruction.operands[1], ptx::Type::u64), alignment);
  Value* begin =
      ir.CreateAnd(ir.CreateAdd(emitter.stack_end(), ir.getInt64(alignment - 1)), ir.getInt64(~(alignment - 1)));
  Value* end = ir.CreateAdd(begin, ir.CreateMul(size, ir.getInt64(lanes)));
  Value* local = ir.CreatePtrToInt(emitter.warp_field(offsetof(Warp, local), ir.getPtrTy()), ir.getInt64Ty());
  Value* room = ir.CreateZExt(emitter.launch_field(offsetof(Launch, local_bytes), ir.getInt32Ty()), ir.getInt64Ty());
  Value* limit = ir.CreateAdd(local, ir.CreateMul(room, ir.getInt64(lanes)));
  emitter.when(ir.CreateICmpUGT(end, limit), [&] {
    Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {emitter.active(), ir.getFalse()});
    emitter.hook("outboard_trap", ir.getVoidTy(),
                 {emitter.warp(), lane, ir.CreateGlobalString("alloca beyond the end of local memory")});
  });
  emitter.move_stack(end);
  Value* lane = ir.CreateZExt(emitter.lane_numbers(), FixedVectorType::get(ir.getInt64Ty(), lanes));
  emitter.write(instruction.operands[0], ir.CreateAdd(emitter.splat(begin), ir.CreateMul(lane, emitter.splat(size))),
                ptx::Type::u64);
}

// Lanes that are elsewhere may still use what lies above: then the end stays where it is.
void restore(Emitter& emitter, const ptx::Instruction& instruction) {
  auto& ir = emitter.ir;
  Value* saved = emitter.read(instruction.operands[0], ptx::Type::u64);
  Value* lane = ir.CreateIntrinsic(llvm::Intrinsic::cttz, {ir.getInt32Ty()}, {emitter.active(), ir.getTrue()});
  Value* together = ir.CreateICmpEQ(emitter.active(), emitter.entry_mask());
  emitter.when(together, [&] { emitter.move_stack(emitter.element(saved, lane)); });
}

}  // namespace

bool emit_stack(Emitter& emitter, const ptx::Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::alloca_: allocate(emitter, instruction); return true;
    case Opcode::stacksave:
      emitter.write(instruction.operands[0], emitter.splat(emitter.stack_end()), ptx::Type::u64);
      return true;
    case Opcode::stackrestore: restore(emitter, instruction); return true;
    default: return false;
  }
}

}  // namespace software
