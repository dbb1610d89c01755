// Fills the driver table: a function of this folder where there is one, else the vendor's own.
#include <memory>
#include <string>

#include "device/nvidia/budget.h"
#include "device/nvidia/memory.h"
#include "device/nvidia/meter.h"
#include "device/nvidia/overhead.h"
#include "device/nvidia/vendor.h"
#include "device/refusing.h"

namespace nvidia {

// Weak, so that what nobody defines is null instead of missing.
#define ROW(since, name, params) extern __attribute__((weak)) CUresult name params;
#include "api/cuda/cuda.def"

namespace {

std::string& failure() {
  static auto* reason = new std::string;
  return *reason;
}

base::Status start(uint64_t memory_bytes) {
  int version = 0, devices = 0;
  if (CUresult result = vendor().cuInit(0))
    return base::Error{vendor_path() + " does not start: cuInit answers " + std::to_string(static_cast<int>(result)) +
                       "; outboard doctor says why"};
  vendor().cuDriverGetVersion(&version);
  if (version < oldest_version)
    return base::Error{"the driver is for CUDA " + std::to_string(version / 1000) + "." +
                       std::to_string(version % 1000 / 10) + "; a server needs one for CUDA 12.4 or newer (R550)"};
  vendor().cuDeviceGetCount(&devices);
  budget().limit_to(memory_bytes);
  return memory().open(devices);
}

}  // namespace
}  // namespace nvidia

// Before a worker is confined: loads what could not be loaded later. Why it cannot, or nullptr.
extern "C" __attribute__((visibility("default"))) const char* outboard_prepare() {
  static std::string reason;
  base::Status opened = nvidia::open_vendor();
  if (opened) nvidia::open_nvml();
  if (!opened) reason = opened.error();
  return opened ? nullptr : reason.c_str();
}

// Why outboard_device gave nullptr. (This library has a copy of base: its log is not the worker's.)
extern "C" __attribute__((visibility("default"))) const char* outboard_failure() { return nvidia::failure().c_str(); }

// How many GPUs the driver finds; starts it.
extern "C" __attribute__((visibility("default"))) int outboard_device_count() {
  int count = 0;
  if (!nvidia::open_vendor() || nvidia::vendor().cuInit(0) || nvidia::vendor().cuDeviceGetCount(&count)) return 0;
  return count;
}

// As the software GPU's (device/software/driver/table.cpp).
extern "C" __attribute__((visibility("default"))) void outboard_tenancy(const device::Tenancy* given) {
  nvidia::budget().share(*given);
  nvidia::meter().obey(given->share);
}

extern "C" __attribute__((visibility("default"))) const device::Driver* outboard_device(uint64_t memory_bytes) {
  static const device::Driver* driver = [memory_bytes]() -> const device::Driver* {
    base::Status started = nvidia::open_vendor();
    if (started) started = nvidia::start(memory_bytes);
    if (!started) return nvidia::failure() = started.error(), nullptr;
    auto* table = new device::Driver;
#define ROW(since, name, params) device::fill(table->name, &nvidia::name, nvidia::vendor().name);
#include "api/cuda/cuda.def"
    return table;
  }();
  return driver;
}
