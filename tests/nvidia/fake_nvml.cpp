// As much of NVML as the NVIDIA device asks: after the first question this process has 48 MiB of the GPU.
#include <unistd.h>

#include "api/nvml/abi.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT nvmlReturn_t nvmlInit_v2() { return NVML_SUCCESS; }
EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char*, nvmlDevice_t* device) {
  return *device = nullptr, NVML_SUCCESS;
}
EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t, nvmlMemory_t* memory) {
  *memory = {1ull << 33, 1ull << 33, 0};
  return NVML_SUCCESS;
}
EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t, unsigned* count,
                                                            nvmlProcessInfo_t* processes) {
  static bool asked = false;
  *count = asked ? 1 : 0;
  processes[0] = {static_cast<unsigned>(getpid()), 48ull << 20, 0, 0};
  asked = true;
  return NVML_SUCCESS;
}
