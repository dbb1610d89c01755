// What the hello tells a client about the devices: plain data, the same on both sides.
#pragma once
#include <cstdint>
#include <vector>

#include "api/cuda/abi.h"

namespace api {

inline constexpr int attribute_count = 160;  // CUdevice_attribute values 0..159; unknown ones are 0
// Our own, in the place that CUDA leaves free: the device runs PTX of every generation, so that the client may choose
// the compute capability it claims.
inline constexpr int attribute_runs_every_ptx = 0;

// By this name everybody knows a device that only serves measurements; nothing chooses it by itself.
inline constexpr const char* null_device_name = "Outboard null device (for measurements: computes nothing)";

struct DeviceFacts {
  char name[256];
  CUuuid uuid;
  uint64_t total_memory;  // bytes
  int32_t attributes[attribute_count];
};

struct Inventory {
  int driver_version = 0;  // 13000 for CUDA 13.0
  std::vector<DeviceFacts> devices;
};

}  // namespace api
