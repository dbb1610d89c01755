#include "device/nvidia/overhead.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/log.h"
#include "device/nvidia/vendor.h"

namespace nvidia {
namespace {

constexpr uint64_t assumed = uint64_t{512} << 20;  // of a context, where nothing can be measured

// NVML's types and functions (NVML API Reference, "Device Queries"): as much as is asked here.
using NvmlDevice = struct NvmlDeviceOpaque*;
struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlProcess {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};
constexpr int nvml_success = 0;

struct Nvml {
  int (*init)() = nullptr;
  int (*by_uuid)(const char*, NvmlDevice*) = nullptr;
  int (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  int (*processes)(NvmlDevice, unsigned*, NvmlProcess*) = nullptr;
  bool started = false;
};
Nvml& nvml() {
  static auto* made = new Nvml;
  return *made;
}

// "GPU-01234567-89ab-cdef-0123-456789abcdef", as NVML writes the UUID that the driver gives as bytes.
std::string uuid_text(const CUuuid& uuid) {
  std::string text = "GPU";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    char byte[4];
    std::snprintf(byte, sizeof byte, "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += byte;
  }
  return text;
}

std::optional<NvmlDevice> device_of(CUdevice device) {
  CUuuid uuid{};
  NvmlDevice found = nullptr;
  if (!nvml().init || (!nvml().started && nvml().init() != nvml_success)) return std::nullopt;
  nvml().started = true;
  if (vendor().cuDeviceGetUuid_v2(&uuid, device) || nvml().by_uuid(uuid_text(uuid).c_str(), &found) != nvml_success)
    return std::nullopt;
  return found;
}

struct Used {
  std::optional<uint64_t> process, gpu;
};
Used used(NvmlDevice device) {
  Used now;
  NvmlMemory memory{};
  if (nvml().memory(device, &memory) == nvml_success) now.gpu = memory.used;
  constexpr unsigned long long unknown = ~0ull;
  unsigned count = 256;
  std::vector<NvmlProcess> processes(count);
  if (nvml().processes && nvml().processes(device, &count, processes.data()) == nvml_success)
    for (unsigned i = 0; i < count && i < processes.size(); ++i)
      if (processes[i].pid == static_cast<unsigned>(getpid()) && processes[i].used != unknown)
        now.process = processes[i].used;
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
  std::optional<NvmlDevice> asked = setting ? std::nullopt : device_of(device);
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
