// Devices: everything a program asks about them, answered from the inventory that the hello brought.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/cuda/uuid.h"
#include "client/cuda/capability.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/session.h"

namespace client {
namespace {

// One entry of CUDA_VISIBLE_DEVICES: an ordinal, or the beginning of one device's UUID. -1: no such device.
int device_named(std::string_view entry) {
  const auto& devices = inventory().devices;
  if (entry.starts_with("GPU-") || entry.starts_with("gpu-")) {
    int found = -1;
    for (size_t i = 0; i < devices.size(); ++i) {
      if (api::uuid_text(devices[i].uuid).substr(4).starts_with(entry.substr(4))) {
        if (found >= 0) return -1;  // ambiguous
        found = static_cast<int>(i);
      }
    }
    return found;
  }
  char* end = nullptr;
  std::string digits(entry);
  long ordinal = std::strtol(digits.c_str(), &end, 10);
  if (end == digits.c_str() || *end || ordinal < 0 || ordinal >= static_cast<long>(devices.size())) return -1;
  return static_cast<int>(ordinal);
}

// CUDA C++ Programming Guide, "CUDA Environment Variables": the list ends at the first invalid entry,
// and a repeated device makes the whole list empty.
std::vector<int> list_visible() {
  std::vector<int> all(inventory().devices.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  const char* setting = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!setting) return all;
  std::vector<int> visible;
  std::string_view rest = setting;
  while (!rest.empty()) {
    size_t comma = std::min(rest.find(','), rest.size());
    std::string_view entry = rest.substr(0, comma);
    while (!entry.empty() && entry.front() == ' ') entry.remove_prefix(1);
    while (!entry.empty() && entry.back() == ' ') entry.remove_suffix(1);
    int device = device_named(entry);
    if (device < 0) break;
    if (std::find(visible.begin(), visible.end(), device) != visible.end()) return {};
    visible.push_back(device);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return visible;
}

// What cuInit found. Leaked: used by code that runs at exit.
struct Start {
  std::once_flag once;
  CUresult result = CUDA_ERROR_NOT_INITIALIZED;
  std::vector<int> visible;
};
Start& start() {
  static auto* the = new Start;
  return *the;
}

const DeviceFacts* find_facts(CUdevice device) {
  int ordinal = server_ordinal(device);
  return ordinal < 0 ? nullptr : &inventory().devices[ordinal];
}

// Runs `read` on the facts of a device; the checks every query shares.
template <class Read>
CUresult read_device(CUdevice device, const void* result, Read read) {
  if (!initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!result) return CUDA_ERROR_INVALID_VALUE;
  const DeviceFacts* facts = find_facts(device);
  if (!facts) return CUDA_ERROR_INVALID_DEVICE;
  return read(*facts);
}

}  // namespace

bool initialised() { return start().result == CUDA_SUCCESS && usable(); }

int visible_devices() { return static_cast<int>(start().visible.size()); }

int server_ordinal(CUdevice device) {
  const auto& visible = start().visible;
  return device < 0 || device >= static_cast<int>(visible.size()) ? -1 : visible[device];
}

const DeviceFacts& facts_of(CUdevice device) { return inventory().devices[server_ordinal(device)]; }

}  // namespace client

using client::DeviceFacts;
using client::read_device;

OUTBOARD_EXPORT CUresult cuInit(unsigned int Flags) {
  if (Flags) return CUDA_ERROR_INVALID_VALUE;
  client::Start& start = client::start();
  std::call_once(start.once, [&] {
    start.result = client::connect();
    if (start.result) return;
    start.visible = client::list_visible();
    if (start.visible.empty()) start.result = CUDA_ERROR_NO_DEVICE;
  });
  if (start.result == CUDA_SUCCESS && !client::usable()) return CUDA_ERROR_NOT_INITIALIZED;
  return start.result;
}

// Answers before cuInit, so it must not depend on a server; cudart compares it with its own version.
OUTBOARD_EXPORT CUresult cuDriverGetVersion(int* driverVersion) {
  if (!driverVersion) return CUDA_ERROR_INVALID_VALUE;
  constexpr int known = 13000;  // the newest CUDA version whose driver API the tables hold
  int theirs = client::connect() == CUDA_SUCCESS ? client::inventory().driver_version : known;
  *driverVersion = std::min(known, theirs ? theirs : known);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return read_device(ordinal, device, [&](const DeviceFacts&) { return *device = ordinal, CUDA_SUCCESS; });
}

OUTBOARD_EXPORT CUresult cuDeviceGetCount(int* count) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = client::visible_devices();
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  return read_device(dev, name, [&](const DeviceFacts& facts) {
    if (len <= 0) return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(name, static_cast<size_t>(len), "%s", facts.name);
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) {
  return read_device(dev, uuid, [&](const DeviceFacts& facts) { return *uuid = facts.uuid, CUDA_SUCCESS; });
}

OUTBOARD_EXPORT CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) { return cuDeviceGetUuid_v2(uuid, dev); }

// Locally unique ids exist on Windows only.
OUTBOARD_EXPORT CUresult cuDeviceGetLuid(char*, unsigned int*, CUdevice) { return CUDA_ERROR_NOT_SUPPORTED; }

OUTBOARD_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  return read_device(dev, bytes, [&](const DeviceFacts& facts) { return *bytes = facts.total_memory, CUDA_SUCCESS; });
}

OUTBOARD_EXPORT CUresult cuDeviceTotalMem(unsigned int* bytes, CUdevice dev) {
  return read_device(dev, bytes, [&](const DeviceFacts& facts) {
    *bytes = static_cast<unsigned>(std::min<uint64_t>(facts.total_memory, 0xffffffffu));
    return CUDA_SUCCESS;
  });
}

// Who asks for the compute capability is in the return address.
OUTBOARD_EXPORT CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  const void* caller = __builtin_return_address(0);
  return read_device(dev, pi, [&](const DeviceFacts& facts) {
    if (attrib < 1 || attrib >= client::attribute_count) return CUDA_ERROR_INVALID_VALUE;
    *pi = facts.attributes[attrib];
    if (attrib == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) *pi = client::capability_towards(caller, facts).major;
    if (attrib == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR) *pi = client::capability_towards(caller, facts).minor;
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  const void* caller = __builtin_return_address(0);
  return read_device(dev, major, [&](const DeviceFacts& facts) {
    if (!minor) return CUDA_ERROR_INVALID_VALUE;
    client::Capability claimed = client::capability_towards(caller, facts);
    *major = claimed.major;
    *minor = claimed.minor;
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuDeviceGetProperties(CUdevprop* prop, CUdevice dev) {
  return read_device(dev, prop, [&](const DeviceFacts& facts) {
    const int32_t* a = facts.attributes;
    *prop = {};
    prop->maxThreadsPerBlock = a[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK];
    for (int i = 0; i < 3; ++i) {
      prop->maxThreadsDim[i] = a[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i];
      prop->maxGridSize[i] = a[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i];
    }
    prop->sharedMemPerBlock = a[CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK];
    prop->totalConstantMemory = a[CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY];
    prop->SIMDWidth = a[CU_DEVICE_ATTRIBUTE_WARP_SIZE];
    prop->memPitch = a[CU_DEVICE_ATTRIBUTE_MAX_PITCH];
    prop->regsPerBlock = a[CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK];
    prop->clockRate = a[CU_DEVICE_ATTRIBUTE_CLOCK_RATE];
    prop->textureAlign = a[CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT];
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  return read_device(dev, pciBusId, [&](const DeviceFacts& facts) {
    if (len <= 0) return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(pciBusId, static_cast<size_t>(len), "%04x:%02x:%02x.0",
                  facts.attributes[CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID], facts.attributes[CU_DEVICE_ATTRIBUTE_PCI_BUS_ID],
                  facts.attributes[CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID]);
    return CUDA_SUCCESS;
  });
}

// Accepts domain:bus:device.function, domain:bus:device and bus:device.function, all hexadecimal.
OUTBOARD_EXPORT CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!dev || !pciBusId) return CUDA_ERROR_INVALID_VALUE;
  int domain = 0, bus = 0, device = 0;
  if (std::sscanf(pciBusId, "%x:%x:%x", &domain, &bus, &device) != 3) {
    domain = 0;
    if (std::sscanf(pciBusId, "%x:%x", &bus, &device) != 2) return CUDA_ERROR_INVALID_VALUE;
  }
  for (int i = 0; i < client::visible_devices(); ++i) {
    const int32_t* a = client::facts_of(i).attributes;
    if (a[CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID] == domain && a[CU_DEVICE_ATTRIBUTE_PCI_BUS_ID] == bus &&
        a[CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID] == device)
      return *dev = i, CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

OUTBOARD_EXPORT CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t* maxWidthInElements, CUarray_format, unsigned int,
                                                            CUdevice dev) {
  return read_device(dev, maxWidthInElements, [&](const DeviceFacts& facts) {
    *maxWidthInElements = static_cast<size_t>(facts.attributes[CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH]);
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuDeviceGetExecAffinitySupport(int* pi, CUexecAffinityType, CUdevice dev) {
  return read_device(dev, pi, [&](const DeviceFacts&) { return *pi = 0, CUDA_SUCCESS; });
}

OUTBOARD_EXPORT CUresult cuFlushGPUDirectRDMAWrites(CUflushGPUDirectRDMAWritesTarget, CUflushGPUDirectRDMAWritesScope) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
