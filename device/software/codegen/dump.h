// What became of a kernel, for people: OUTBOARD_DUMP names a folder for the optimised LLVM code and the object file of
// every kernel that is compiled (`objdump -d` shows the machine code).
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Support/MemoryBufferRef.h>

namespace software {

void dump(const llvm::Module& module);
void dump(llvm::MemoryBufferRef object);  // of the module that this thread dumped last

}  // namespace software
