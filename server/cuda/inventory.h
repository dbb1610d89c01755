// Asks a device for everything that a client answers by itself.
#pragma once
#include "api/cuda/device_facts.h"
#include "device/device.h"

namespace worker {

// Initialises the driver first. CUDA_SUCCESS, or what the driver answered.
CUresult take_inventory(const device::Driver& driver, api::Inventory& inventory);

}  // namespace worker
