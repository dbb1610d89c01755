// NVML: which devices there are, and by what names they are known.
#include <cstdio>
#include <cstring>
#include <string>

#include "api/cuda/uuid.h"
#include "client/nvml/library.h"

using api::DeviceFacts, api::uuid_text;
using nvml::driver, nvml::on_device, nvml::on_facts;

namespace {

struct Place {
  unsigned domain, bus, device;
  bool operator==(const Place&) const = default;
};

Place place_of(const DeviceFacts& facts) {
  auto at = [&](int attribute) { return static_cast<unsigned>(facts.attributes[attribute]); };
  return {at(CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID), at(CU_DEVICE_ATTRIBUTE_PCI_BUS_ID),
          at(CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID)};
}

// The first device for which `matches` holds.
template <class Matches>
nvmlReturn_t find(nvmlDevice_t* device, const void* sought, Matches matches) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  if (!device || !sought) return NVML_ERROR_INVALID_ARGUMENT;
  for (int i = 0; i < driver()->count(); ++i)
    if (matches(*driver()->facts(i))) return *device = nvml::handle_of(i), NVML_SUCCESS;
  return NVML_ERROR_NOT_FOUND;
}

}  // namespace

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  if (!count) return NVML_ERROR_INVALID_ARGUMENT;
  *count = static_cast<unsigned>(driver()->count());
  return NVML_SUCCESS;
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetCount(unsigned int* count) { return nvmlDeviceGetCount_v2(count); }

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  if (!device || index >= static_cast<unsigned>(driver()->count())) return NVML_ERROR_INVALID_ARGUMENT;
  *device = nvml::handle_of(static_cast<int>(index));
  return NVML_SUCCESS;
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  return find(device, uuid, [&](const DeviceFacts& facts) { return uuid_text(facts.uuid) == uuid; });
}

// domain:bus:device.function with or without domain and function, all hexadecimal.
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, nvmlDevice_t* device) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  Place place{};
  if (!bus_id) return NVML_ERROR_INVALID_ARGUMENT;
  if (std::sscanf(bus_id, "%x:%x:%x", &place.domain, &place.bus, &place.device) != 3) {
    place.domain = 0;
    if (std::sscanf(bus_id, "%x:%x", &place.bus, &place.device) != 2) return NVML_ERROR_INVALID_ARGUMENT;
  }
  return find(device, bus_id, [&](const DeviceFacts& facts) { return place_of(facts) == place; });
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* bus_id, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int* index) {
  return on_device(device, index, [&](int number) { return *index = static_cast<unsigned>(number), NVML_SUCCESS; });
}

// As in the names of /dev/nvidia0, /dev/nvidia1, ...: there are none, but programs number devices by it.
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int* minor) {
  return nvmlDeviceGetIndex(device, minor);
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  return on_facts(device, name, [&](const DeviceFacts& facts) { return nvml::put_text(facts.name, name, length); });
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
  return on_facts(device, uuid, [&](const DeviceFacts& facts) {
    return nvml::put_text(uuid_text(facts.uuid).c_str(), uuid, length);
  });
}

// Of vendor and device only the place is known.
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  return on_facts(device, pci, [&](const DeviceFacts& facts) {
    const Place place = place_of(facts);
    *pci = {};
    pci->domain = place.domain;
    pci->bus = place.bus;
    pci->device = place.device;
    std::snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "%04X:%02X:%02X.0", place.domain & 0xffff,
                  place.bus & 0xff, place.device & 0xff);
    std::snprintf(pci->busId, sizeof pci->busId, "%08X:%02X:%02X.0", place.domain, place.bus, place.device);
    return NVML_SUCCESS;
  });
}

// Of the first versions programs may have an older, shorter structure: what all of them have is filled.
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_v2_t* pci) {
  if (driver() && !pci) return NVML_ERROR_INVALID_ARGUMENT;
  nvmlPciInfo_t whole;
  if (nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, &whole)) return result;
  std::memcpy(pci->busId, whole.busIdLegacy, sizeof pci->busId);
  pci->domain = whole.domain;
  pci->bus = whole.bus;
  pci->device = whole.device;
  pci->pciDeviceId = whole.pciDeviceId;
  return NVML_SUCCESS;
}
OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_v2_t* pci) {
  nvmlReturn_t result = nvmlDeviceGetPciInfo(device, pci);
  if (result == NVML_SUCCESS) pci->pciSubSystemId = 0;
  return result;
}

OUTBOARD_EXPORT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int* is_mig) {
  return on_device(device, is_mig, [&](int) { return *is_mig = 0, NVML_SUCCESS; });
}
