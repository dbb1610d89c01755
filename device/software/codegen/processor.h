// The processor that code is made for: this machine's own, or the one that OUTBOARD_CPU names.
#pragma once
#include <llvm/Target/TargetMachine.h>

#include <string>

#include "base/result.h"
#include "device/software/pass/width.h"

namespace software {

// This thread's machine; every thread has its own, because they are not thread-safe.
base::Result<llvm::TargetMachine*> target_machine();

// Name, features and LLVM's version: machine code for one identity may not run, or round otherwise, on another.
const std::string& processor_identity();

// Whether the processor that code is made for has an instruction set, named as LLVM does ("avx2"); never elsewhere than
// on x86.
bool has_instructions(const char* name);
// Whether it reads and writes memory under masks, one bit for each lane (AVX-512).
bool has_lane_masks();
VectorRegisters vector_registers();

}  // namespace software
