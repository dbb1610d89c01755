// NVML's types as far as the stand-in answers with them, laid out as the vendor's programs expect (NVML API Reference,
// chapters "Device Structs", "Device Enums"; sizes are asserted).
#pragma once
#include <cstddef>

extern "C" {

typedef struct nvmlDevice_st* nvmlDevice_t;

typedef enum nvmlReturn_enum {
  NVML_SUCCESS = 0,
  NVML_ERROR_UNINITIALIZED = 1,
  NVML_ERROR_INVALID_ARGUMENT = 2,
  NVML_ERROR_NOT_SUPPORTED = 3,
  NVML_ERROR_NOT_FOUND = 6,
  NVML_ERROR_INSUFFICIENT_SIZE = 7,
  NVML_ERROR_DRIVER_NOT_LOADED = 9,
  NVML_ERROR_UNKNOWN = 999
} nvmlReturn_t;

typedef enum nvmlClockType_enum {
  NVML_CLOCK_GRAPHICS = 0,
  NVML_CLOCK_SM = 1,
  NVML_CLOCK_MEM = 2,
  NVML_CLOCK_VIDEO = 3
} nvmlClockType_t;

// Brands, generations and switches: the few values that are ever answered.
constexpr unsigned NVML_BRAND_UNKNOWN = 0;
constexpr unsigned NVML_FEATURE_DISABLED = 0;
constexpr unsigned NVML_FEATURE_ENABLED = 1;
constexpr unsigned NVML_DEVICE_ARCH_UNKNOWN = 0xffffffff;

// What the first two versions of nvmlDeviceGetPciInfo fill; the first knows no subsystem.
typedef struct nvmlPciInfo_v2_st {
  char busId[16];
  unsigned int domain, bus, device;
  unsigned int pciDeviceId;
  unsigned int pciSubSystemId;
  unsigned int reserved[4];
} nvmlPciInfo_v2_t;
static_assert(sizeof(nvmlPciInfo_v2_t) == 52);

typedef struct nvmlPciInfo_st {
  char busIdLegacy[16];
  unsigned int domain, bus, device;
  unsigned int pciDeviceId;  // device and vendor
  unsigned int pciSubSystemId;
  char busId[32];
} nvmlPciInfo_t;
static_assert(sizeof(nvmlPciInfo_t) == 68);

typedef struct nvmlMemory_st {
  unsigned long long total, free, used;
} nvmlMemory_t;

typedef struct nvmlMemory_v2_st {
  unsigned int version;
  unsigned long long total, reserved, free, used;
} nvmlMemory_v2_t;
static_assert(sizeof(nvmlMemory_v2_t) == 40);

typedef struct nvmlProcessInfo_v1_st {
  unsigned int pid;
  unsigned long long usedGpuMemory;
} nvmlProcessInfo_v1_t;

// Of _v2 and _v3.
typedef struct nvmlProcessInfo_st {
  unsigned int pid;
  unsigned long long usedGpuMemory;
  unsigned int gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_t;
static_assert(sizeof(nvmlProcessInfo_t) == 24);

}  // extern "C"

// The `version` of a versioned structure: its size, and which version it is in the top byte.
constexpr unsigned nvml_version(size_t size, unsigned version) { return static_cast<unsigned>(size) | version << 24; }
