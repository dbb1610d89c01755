// LLVM's just-in-time compiler, set up once for this CPU: verified IR in, an address out.
#pragma once
#include <llvm/ExecutionEngine/Orc/ThreadSafeModule.h>

#include <string>

#include "base/result.h"

namespace software {

struct Callable {
  void* code;
  uint64_t stack_bytes;  // of the frames of all its functions together
};

// Optimises the module and makes it callable. The symbol must be unique in the process. Code is never freed: a
// stream may still be running it. Thread-safe.
base::Result<Callable> make_callable(llvm::orc::ThreadSafeModule module, const std::string& symbol);

// Whether the processor that code is made for has an instruction set, named as LLVM does ("avx2"); never elsewhere than
// on x86.
bool has_instructions(const char* name);
// Whether it reads and writes memory under masks, one bit for each lane (AVX-512).
bool has_lane_masks();

}  // namespace software
