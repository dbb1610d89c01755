// LLVM's own unrolling is off, since it would do so wherever it can; here a bound on the code that is made comes first.
#include "device/software/codegen/unroll.h"

#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/OptimizationRemarkEmitter.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Utils/UnrollLoop.h>

#include <algorithm>

namespace software {
namespace {

constexpr unsigned most_rounds = 32;
constexpr unsigned most_code = 768;  // instructions of the processor, all rounds together

class Unrolling : public llvm::PassInfoMixin<Unrolling> {
 public:
  llvm::PreservedAnalyses run(llvm::Loop& loop, llvm::LoopAnalysisManager&, llvm::LoopStandardAnalysisResults& known,
                              llvm::LPMUpdater& updater) {
    const unsigned count = rounds(loop, known.SE);
    if (count < 2 || count * size(loop, known.TTI) > most_code) return llvm::PreservedAnalyses::all();
    const std::string name(loop.getName());
    llvm::OptimizationRemarkEmitter remarks(loop.getHeader()->getParent());
    const llvm::UnrollLoopOptions options{count, false, false, false, false, false};
    auto result = llvm::UnrollLoop(&loop, options, &known.LI, &known.SE, &known.DT, &known.AC, &known.TTI, &remarks,
                                   /*PreserveLCSSA=*/true);
    if (result == llvm::LoopUnrollResult::Unmodified) return llvm::PreservedAnalyses::all();
    if (result == llvm::LoopUnrollResult::FullyUnrolled) updater.markLoopAsDeleted(loop, name);
    return llvm::getLoopPassPreservedAnalyses();
  }

 private:
  // At most; 0: too many, or not known.
  static unsigned rounds(const llvm::Loop& loop, llvm::ScalarEvolution& evolution) {
    if (!loop.isInnermost() || !loop.isLoopSimplifyForm()) return 0;
    llvm::SmallVector<llvm::BasicBlock*, 8> exits;
    loop.getExitingBlocks(exits);
    unsigned least = 0;
    for (auto* exit : exits) {
      const unsigned count = evolution.getSmallConstantTripCount(&loop, exit);
      if (count && (!least || count < least)) least = count;
    }
    return least <= most_rounds ? least : 0;
  }

  static unsigned size(const llvm::Loop& loop, const llvm::TargetTransformInfo& target) {
    llvm::InstructionCost sum = 0;
    for (auto* block : loop.blocks())
      for (auto& instruction : *block)
        sum += target.getInstructionCost(&instruction, llvm::TargetTransformInfo::TCK_CodeSize);
    auto value = sum.getValue();
    return value ? static_cast<unsigned>(std::clamp<int64_t>(*value, 1, most_code)) : most_code;
  }
};

}  // namespace

void add_unrolling(llvm::PassBuilder& builder) {
  builder.registerLoopOptimizerEndEPCallback(
      [](llvm::LoopPassManager& passes, llvm::OptimizationLevel) { passes.addPass(Unrolling()); });
}

}  // namespace software
