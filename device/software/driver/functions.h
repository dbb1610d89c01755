// The driver functions of the software GPU, as the table declares them: namespace software { cuMemAlloc_v2 ... }.
// Not all are defined; table.cpp finds out which.
#pragma once
#include "api/cuda/abi.h"

namespace software {
#define ROW(since, name, params) CUresult name params;
#include "api/cuda/cuda.def"
}  // namespace software
