#include "device/software/codegen/mostly.h"

namespace software {

llvm::Value* mostly(Emitter& emitter, llvm::Value* rare, const std::function<llvm::Value*()>& plain,
                    const std::function<llvm::Value*()>& longer) {
  auto& ir = emitter.ir;
  llvm::Value *value = nullptr, *other = nullptr;
  llvm::BasicBlock *plain_ends = nullptr, *longer_ends = nullptr;
  emitter.unless(
      rare, [&] { value = plain(), plain_ends = ir.GetInsertBlock(); },
      [&] { other = longer(), longer_ends = ir.GetInsertBlock(); });
  auto* met = ir.CreatePHI(value->getType(), 2);
  met->addIncoming(value, plain_ends);
  met->addIncoming(other, longer_ends);
  return met;
}

}  // namespace software
