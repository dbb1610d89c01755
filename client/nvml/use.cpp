// NVML: what a device is used for: its memory and the processes that have a context there. Of processes only the asking
// one is known: a server does not tell its clients of each other.
#include <unistd.h>

#include "client/nvml/library.h"

using nvml::driver, nvml::on_device;

namespace {

struct Use {
  size_t free, total;
};

// `read` gets what is free and in all.
template <class Read>
nvmlReturn_t on_memory(nvmlDevice_t device, const void* result, Read read) {
  return on_device(device, result, [&](int number) {
    Use use{};
    switch (driver()->memory(number, &use.free, &use.total)) {
      case CUDA_SUCCESS: return read(use);
      case CUDA_ERROR_INVALID_DEVICE:  // hidden by CUDA_VISIBLE_DEVICES: only its size is known
        use.free = use.total = driver()->facts(number)->total_memory;
        return read(use);
      default: return NVML_ERROR_UNKNOWN;
    }
  });
}

// This process, where it uses the device. `count`: room at `infos`, then how many there are.
template <class Info>
nvmlReturn_t list_processes(nvmlDevice_t device, unsigned* count, Info* infos) {
  return on_device(device, count, [&](int number) {
    const unsigned room = *count;
    *count = driver()->in_use(number) ? 1 : 0;
    if (*count == 0) return NVML_SUCCESS;
    if (room == 0) return NVML_ERROR_INSUFFICIENT_SIZE;
    if (!infos) return NVML_ERROR_INVALID_ARGUMENT;
    size_t free = 0, total = 0;
    if (driver()->memory(number, &free, &total) != CUDA_SUCCESS) return NVML_ERROR_UNKNOWN;
    infos[0] = {};
    infos[0].pid = static_cast<unsigned>(getpid());
    infos[0].usedGpuMemory = total - free;
    if constexpr (requires { infos[0].gpuInstanceId; })
      infos[0].gpuInstanceId = infos[0].computeInstanceId = 0xffffffff;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t list_none(nvmlDevice_t device, unsigned* count) {
  return on_device(device, count, [&](int) { return *count = 0, NVML_SUCCESS; });
}

}  // namespace

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  return on_memory(device, memory, [&](Use use) {
    *memory = {use.total, use.free, use.total - use.free};
    return NVML_SUCCESS;
  });
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) {
  return on_memory(device, memory, [&](Use use) {
    if (memory->version != nvml_version(sizeof *memory, 2)) return NVML_ERROR_INVALID_ARGUMENT;
    *memory = {memory->version, use.total, 0, use.free, use.total - use.free};
    return NVML_SUCCESS;
  });
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int* count,
                                                                  nvmlProcessInfo_v1_t* infos) {
  return list_processes(device, count, infos);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                                     nvmlProcessInfo_t* infos) {
  return list_processes(device, count, infos);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                                     nvmlProcessInfo_t* infos) {
  return list_processes(device, count, infos);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int* count,
                                                                   nvmlProcessInfo_v1_t*) {
  return list_none(device, count);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                                      nvmlProcessInfo_t*) {
  return list_none(device, count);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                                      nvmlProcessInfo_t*) {
  return list_none(device, count);
}
