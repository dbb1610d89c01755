// What the stand-in for NVML asks of the stand-in for the driver, through cuGetExportTable: two libraries of one build
// in one process. Every device of the inventory is told, whatever CUDA_VISIBLE_DEVICES hides, as NVML does.
#pragma once
#include <cstddef>

#include "api/cuda/device_facts.h"

namespace client {

inline constexpr CUuuid management_id = {
    {'o', 'u', 't', 'b', 'o', 'a', 'r', 'd', '-', 'n', 'v', 'm', 'l', '-', '0', '1'}};

struct ManagementTable {
  size_t size;  // of this structure, as in the vendor's tables
  CUresult (*connect)();
  // Valid after connect() succeeded; the devices are numbered as in the inventory.
  int (*driver_version)();
  int (*count)();
  const api::DeviceFacts* (*facts)(int device);
  void (*capability)(int device, int* major, int* minor);
  // Initialises CUDA. CUDA_ERROR_INVALID_DEVICE where CUDA_VISIBLE_DEVICES hides the device.
  CUresult (*memory)(int device, size_t* free, size_t* total);
  // This process has a primary context there.
  bool (*in_use)(int device);
};

// The one table, in client/cuda/management.cpp.
const ManagementTable& management_table();

}  // namespace client
