#include "device/nvidia/overhead.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <vector>

#include "api/cuda/uuid.h"
#include "api/nvml/abi.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

constexpr uint64_t assumed = uint64_t{512} << 20;  // of a context, where nothing can be measured

// As much of NVML as is asked here (NVML API Reference, "Device Queries").
struct Nvml {
  nvmlReturn_t (*init)() = nullptr;
  nvmlReturn_t (*by_uuid)(const char*, nvmlDevice_t*) = nullptr;
  nvmlReturn_t (*memory)(nvmlDevice_t, nvmlMemory_t*) = nullptr;
  nvmlReturn_t (*processes)(nvmlDevice_t, unsigned*, nvmlProcessInfo_t*) = nullptr;
  bool started = false;
};
Nvml& nvml() {
  static auto* made = new Nvml;
  return *made;
}

std::optional<nvmlDevice_t> device_of(CUdevice device) {
  CUuuid uuid{};
  nvmlDevice_t found = nullptr;
  if (!nvml().init || (!nvml().started && nvml().init() != NVML_SUCCESS)) return std::nullopt;
  nvml().started = true;
  if (vendor().cuDeviceGetUuid_v2(&uuid, device) ||
      nvml().by_uuid(api::uuid_text(uuid).c_str(), &found) != NVML_SUCCESS)
    return std::nullopt;
  return found;
}

struct Used {
  std::optional<uint64_t> process, gpu;
};
Used used(nvmlDevice_t device) {
  Used now;
  nvmlMemory_t memory{};
  if (nvml().memory(device, &memory) == NVML_SUCCESS) now.gpu = memory.used;
  constexpr unsigned long long unknown = ~0ull;
  unsigned count = 256;
  std::vector<nvmlProcessInfo_t> processes(count);
  if (nvml().processes && nvml().processes(device, &count, processes.data()) == NVML_SUCCESS)
    for (unsigned i = 0; i < count && i < processes.size(); ++i)
      if (processes[i].pid == static_cast<unsigned>(getpid()) && processes[i].usedGpuMemory != unknown)
        now.process = processes[i].usedGpuMemory;
  return now;
}

uint64_t more(uint64_t after, uint64_t before) { return after > before ? after - before : 0; }

}  // namespace

void open_nvml() {
  const char* named = std::getenv("OUTBOARD_VENDOR_NVML");  // for tests, as OUTBOARD_VENDOR_DRIVER
  void* library = dlopen(named && *named ? named : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library || dlsym(library, "outboard_stand_in")) return;
  auto take = [library](auto& slot, const char* name) {
    slot = reinterpret_cast<std::remove_reference_t<decltype(slot)>>(dlsym(library, name));
  };
  take(nvml().by_uuid, "nvmlDeviceGetHandleByUUID");
  take(nvml().memory, "nvmlDeviceGetMemoryInfo");
  take(nvml().processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  if (nvml().by_uuid && nvml().memory) take(nvml().init, "nvmlInit_v2");
}

uint64_t bytes_of_context(CUdevice device, const std::function<void()>& make) {
  const char* setting = std::getenv("OUTBOARD_CONTEXT_MEMORY");
  std::optional<nvmlDevice_t> asked = setting ? std::nullopt : device_of(device);
  if (!asked) {
    make();
    return setting ? std::strtoull(setting, nullptr, 10) : assumed;
  }
  const Used before = used(*asked);
  make();
  const Used after = used(*asked);
  if (after.process) return more(*after.process, before.process.value_or(0));
  if (after.gpu && before.gpu) return more(*after.gpu, *before.gpu);
  return assumed;
}

}  // namespace nvidia
