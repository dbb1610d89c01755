// What became of a kernel, for people: OUTBOARD_DUMP names a folder for the optimised LLVM code and the object file of
// every kernel that is compiled (`objdump -d` shows the machine code).
#pragma once
#include <llvm/IR/Module.h>
#include <llvm/Support/MemoryBufferRef.h>

#include <span>
#include <string>

namespace software {

void dump(const llvm::Module& module);
void dump(llvm::MemoryBufferRef object);  // of the module that this thread dumped last

// Likewise the PTX of a module that is loaded, as N.ptx.
void dump(std::span<const std::string> ptx_texts);

}  // namespace software
