// Copies from the worker's own memory, which must not wait for the device.
#pragma once
#include "api/cuda/abi.h"

namespace nvidia {

// After its context is gone.
void forget_staging(CUcontext context);

}  // namespace nvidia
