// A kernel and what it calls, from PTX to LLVM's form and on to machine code.
#pragma once
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <memory>
#include <span>

#include "base/result.h"
#include "device/software/codegen/emitter.h"
#include "device/software/codegen/machine_code.h"

namespace software {

struct Emitted {
  std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> module = std::make_unique<llvm::Module>("kernel", *context);
  Staging staging = Staging::none;
  uint64_t kept = 0;           // bytes of each warp, from stage to stage
  unsigned lanes = warp_size;  // that run at a time
};

// `functions`: by index, the kernel first, then what it may call. The error names the instruction that is not
// supported, and its line.
base::Result<Emitted> emit(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement,
                           Grouping grouping);
// The kernel as a Resumption of these steps (run/steps.h).
base::Result<MachineCode> translate_resumption(const ptx::Module& module, std::span<const size_t> functions,
                                               const Placement& placement, const FunctionSteps& steps);
base::Result<MachineCode> translate(const ptx::Module& module, std::span<const size_t> functions,
                                    const Placement& placement, Grouping grouping);
// Local memory, in bytes per lane.
uint64_t local_bytes(const ptx::Module& module, std::span<const size_t> functions, const Placement& placement);

}  // namespace software
