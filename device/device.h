// A device is the CUDA driver API as a struct of function pointers: the vendor's driver, the software
// GPU and the null device are three fillings of it. Every pointer is set; what a device does not do
// answers CUDA_ERROR_NOT_SUPPORTED.
#pragma once
#include "api/cuda/abi.h"

namespace device {

struct Driver {
#define ROW(since, name, params) CUresult(*name) params;
#include "api/cuda/cuda.def"
};

}  // namespace device
