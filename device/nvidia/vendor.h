// NVIDIA's driver as it lies on this machine: found, told from our own stand-ins, its functions taken by name.
#pragma once
#include <string>

#include "base/result.h"
#include "device/device.h"

namespace nvidia {

// Loads the driver; nothing of it is started. An error says which files were looked at and what was wrong with each.
base::Status open_vendor();
// After open_vendor(). What the driver lacks answers CUDA_ERROR_NOT_SUPPORTED and is named in the log.
const device::Driver& vendor();
const std::string& vendor_path();

// The calling thread's context and its device. CUDA_ERROR_INVALID_CONTEXT: it has none.
CUresult current_context(CUcontext& context, CUdevice& device);
// The same; an error: no kernel may have broken it.
CUresult usable_context(CUcontext& context, CUdevice& device);

// Of CUDA 12.4, which brought the last functions that a worker cannot do without.
inline constexpr int oldest_version = 12040;

}  // namespace nvidia
