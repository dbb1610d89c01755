// What is written by hand of the null device's table; the rest follows from the rows (table.cpp).
#pragma once
#include "api/cuda/abi.h"

namespace null_device {
#define ROW(since, name, params) CUresult name params;
#include "api/cuda/cuda.def"
}  // namespace null_device
