// What a context takes of a GPU's memory by itself: hundreds of megabytes, which no function of the driver tells.
#pragma once
#include <cstdint>
#include <functional>

#include "api/cuda/abi.h"

namespace nvidia {

// Loads NVML, where there is one, while files can still be opened.
void open_nvml();

// Runs `make`, which makes a context on the device, and says how many bytes of the GPU that took:
// OUTBOARD_CONTEXT_MEMORY if it is set; what NVML says of this process before and after; where it sees no processes
// (containers, WSL2) what it says of the whole GPU; and where there is no NVML, an assumption.
uint64_t bytes_of_context(CUdevice device, const std::function<void()>& make);

}  // namespace nvidia
