// The table that the stand-in for NVML reads (client/management.h).
#include "client/management.h"

#include "client/cuda/capability.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace client {
namespace {

int driver_version() {
  int version = 0;
  cuDriverGetVersion(&version);
  return version;
}

void capability(int device, int* major, int* minor) {
  const Capability own = capability_towards(nullptr, inventory().devices[static_cast<size_t>(device)]);
  *major = own.major;
  *minor = own.minor;
}

// CUDA's number of a device of the inventory; -1: the program may not see it.
CUdevice visible_number(int device) {
  for (CUdevice visible = 0; visible < visible_devices(); ++visible)
    if (server_ordinal(visible) == device) return visible;
  return -1;
}

// Asked in the device's primary context, which is given back: the program's own contexts stay as they are.
CUresult memory(int device, size_t* free, size_t* total) {
  if (CUresult started = cuInit(0)) return started;
  const CUdevice visible = visible_number(device);
  if (visible < 0) return CUDA_ERROR_INVALID_DEVICE;
  CUcontext context = nullptr;
  if (CUresult retained = cuDevicePrimaryCtxRetain(&context, visible)) return retained;
  CUresult result = cuCtxPushCurrent_v2(context);
  if (result == CUDA_SUCCESS) {
    result = require_context();
    if (result == CUDA_SUCCESS) result = remote::cuMemGetInfo_v2(free, total);
    CUcontext popped = nullptr;
    cuCtxPopCurrent_v2(&popped);
  }
  cuDevicePrimaryCtxRelease_v2(visible);
  return result;
}

bool in_use(int device) {
  if (!initialised()) return false;
  const CUdevice visible = visible_number(device);
  unsigned flags = 0;
  int active = 0;
  return visible >= 0 && cuDevicePrimaryCtxGetState(visible, &flags, &active) == CUDA_SUCCESS && active;
}

}  // namespace

const ManagementTable& management_table() {
  static const ManagementTable table = {
      sizeof table,
      connect,
      driver_version,
      [] { return static_cast<int>(inventory().devices.size()); },
      [](int device) { return &inventory().devices[static_cast<size_t>(device)]; },
      capability,
      memory,
      in_use,
  };
  return table;
}

}  // namespace client
