// The devices and all their attributes, for the hello.
#include "server/cuda/inventory.h"

namespace worker {
namespace {

api::DeviceFacts facts_of(const device::Driver& driver, CUdevice device) {
  api::DeviceFacts facts{};
  size_t memory = 0;
  driver.cuDeviceGetName(facts.name, sizeof facts.name, device);
  driver.cuDeviceGetUuid_v2(&facts.uuid, device);
  driver.cuDeviceTotalMem_v2(&memory, device);
  facts.total_memory = memory;
  for (int i = 0; i < api::attribute_count; ++i)
    if (driver.cuDeviceGetAttribute(&facts.attributes[i], static_cast<CUdevice_attribute>(i), device))
      facts.attributes[i] = 0;
  return facts;
}

}  // namespace

CUresult take_inventory(const device::Driver& driver, api::Inventory& inventory) {
  if (CUresult result = driver.cuInit(0)) return result;
  int count = 0;
  driver.cuDriverGetVersion(&inventory.driver_version);
  if (!inventory.driver_version) inventory.driver_version = 13000;
  if (CUresult result = driver.cuDeviceGetCount(&count)) return result;
  for (CUdevice device = 0; device < count; ++device) inventory.devices.push_back(facts_of(driver, device));
  return CUDA_SUCCESS;
}

}  // namespace worker
