// What this device does in its own way; everything else is the vendor's function itself (table.cpp).
#pragma once
#include "api/cuda/abi.h"

namespace nvidia {
#define ROW(since, name, params) CUresult name params;
#include "api/cuda/cuda.def"
}  // namespace nvidia
