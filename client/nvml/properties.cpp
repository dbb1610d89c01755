// NVML: what a device is like, from the attributes that the hello brought.
#include "client/nvml/library.h"

using api::DeviceFacts;
using nvml::on_device, nvml::on_facts;

namespace {

nvmlReturn_t put(unsigned value, unsigned* to, nvmlDevice_t device) {
  return on_device(device, to, [&](int) { return *to = value, NVML_SUCCESS; });
}

// An attribute that is 0 where the device does not know.
nvmlReturn_t put_known(int attribute, int divisor, nvmlDevice_t device, unsigned* to) {
  return on_facts(device, to, [&](const DeviceFacts& facts) {
    const int value = facts.attributes[attribute] / divisor;
    if (value <= 0) return NVML_ERROR_NOT_SUPPORTED;
    return *to = static_cast<unsigned>(value), NVML_SUCCESS;
  });
}

nvmlReturn_t put_clock(nvmlDevice_t device, nvmlClockType_t clock, unsigned* megahertz) {
  constexpr int kilohertz = 1000;
  switch (clock) {
    case NVML_CLOCK_GRAPHICS:
    case NVML_CLOCK_SM: return put_known(CU_DEVICE_ATTRIBUTE_CLOCK_RATE, kilohertz, device, megahertz);
    case NVML_CLOCK_MEM: return put_known(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, kilohertz, device, megahertz);
    case NVML_CLOCK_VIDEO: return put_known(0, 1, device, megahertz);
  }
  return NVML_ERROR_INVALID_ARGUMENT;
}

}  // namespace

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, unsigned int* brand) {
  return put(NVML_BRAND_UNKNOWN, brand, device);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int* major, int* minor) {
  return on_device(device, major, [&](int number) {
    if (!minor) return NVML_ERROR_INVALID_ARGUMENT;
    nvml::driver()->capability(number, major, minor);
    return NVML_SUCCESS;
  });
}

// NVML_DEVICE_ARCH_...: Maxwell 3, Pascal 4, Volta 5, Turing 6, Ampere 7, Ada 8, Hopper 9, Blackwell 10.
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned int* architecture) {
  return on_device(device, architecture, [&](int number) {
    int major = 0, minor = 0;
    nvml::driver()->capability(number, &major, &minor);
    static constexpr struct {
      int from;  // compute capability
      unsigned architecture;
    } generations[] = {{100, 10}, {90, 9}, {89, 8}, {80, 7}, {75, 6}, {70, 5}, {60, 4}, {50, 3}};
    *architecture = NVML_DEVICE_ARCH_UNKNOWN;
    for (const auto& generation : generations)
      if (major * 10 + minor >= generation.from) {
        *architecture = generation.architecture;
        break;
      }
    return NVML_SUCCESS;
  });
}

// CUDA's modes have the numbers of NVML's.
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned int* mode) {
  return on_facts(device, mode, [&](const DeviceFacts& facts) {
    *mode = static_cast<unsigned>(facts.attributes[CU_DEVICE_ATTRIBUTE_COMPUTE_MODE]);
    return NVML_SUCCESS;
  });
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned int* mode) {
  return put(NVML_FEATURE_DISABLED, mode, device);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, unsigned int* mode) {
  return put(NVML_FEATURE_DISABLED, mode, device);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, unsigned int* active) {
  return put(NVML_FEATURE_DISABLED, active, device);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned int* current, unsigned int* pending) {
  return on_facts(device, current, [&](const DeviceFacts& facts) {
    if (!pending) return NVML_ERROR_INVALID_ARGUMENT;
    *current = *pending =
        facts.attributes[CU_DEVICE_ATTRIBUTE_ECC_ENABLED] ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED;
    return NVML_SUCCESS;
  });
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned int* bits) {
  return put_known(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 1, device, bits);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t clock, unsigned* megahertz) {
  return put_clock(device, clock, megahertz);
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t clock,
                                                       unsigned* megahertz) {
  return put_clock(device, clock, megahertz);
}
