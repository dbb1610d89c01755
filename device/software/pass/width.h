// How many lanes of a kernel run at a time: a whole warp; or a part of one, where the values that 32 lanes want at once
// are many times what the processor's registers hold (without AVX2: always), or where lanes leave a loop one by one.
// Only for kernels in stages (pass/stages.h), none of whose instructions look at other lanes.
#pragma once
#include "device/software/ptx/ast.h"

namespace software {

struct VectorRegisters {
  unsigned count, bytes;
};

unsigned lanes_at_once(const ptx::Module& module, const ptx::Function& kernel, VectorRegisters registers);

}  // namespace software
