// Asks the Vulkan loader for devices, in this child. Vulkan Specification 1.3, sections 4.2 and 5.1.
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

struct InstanceInfo {  // VkInstanceCreateInfo
  uint32_t type = 1;   // VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
  const void* next = nullptr;
  uint32_t flags = 0;
  const void* application = nullptr;
  uint32_t layer_count = 0;
  const char* const* layers = nullptr;
  uint32_t extension_count = 0;
  const char* const* extensions = nullptr;
};
// VkPhysicalDeviceProperties begins with five numbers, of which the last is the type, and a name of 256 bytes.
constexpr size_t properties_size = 2048, name_offset = 20, type_offset = 16;
constexpr uint32_t type_cpu = 4;

using CreateInstance = int(const InstanceInfo*, const void*, void**);
using Enumerate = int(void*, uint32_t*, void**);
using GetProperties = void(void*, void*);

// What the loader writes to standard error, kept in memory.
class KeptErrors {
 public:
  KeptErrors() : file_(memfd_create("errors", MFD_CLOEXEC)) {
    setenv("VK_LOADER_DEBUG", "error", 1);
    dup2(file_, 2);
  }
  // The first line that tells of an error, from where the loader's own words begin.
  std::string first() const {
    std::array<char, 16384> text = {};
    ssize_t size = pread(file_, text.data(), text.size() - 1, 0);
    for (const std::string& line : lines({text.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))})) {
      if (!contains(line, "ERROR") && !contains(line, "Could not")) continue;
      size_t at = line.find("loader_");
      if (at == std::string::npos && contains(line, " : ")) at = line.find(" : ") + 3;
      return line.substr(at == std::string::npos ? 0 : at);
    }
    return "";
  }

 private:
  int file_;
};

// Devices of hardware; those of the CPU (lavapipe) when there are no others.
std::string devices_of(const DriverLibrary& vulkan, void* instance) {
  auto* enumerate = vulkan.function<Enumerate>("vkEnumeratePhysicalDevices");
  auto* get_properties = vulkan.function<GetProperties>("vkGetPhysicalDeviceProperties");
  std::array<void*, 32> devices = {};
  uint32_t count = devices.size();
  if (!enumerate || !get_properties || enumerate(instance, &count, devices.data()) < 0) return "";
  std::vector<std::string> hardware, software;
  for (uint32_t index = 0; index < std::min<uint32_t>(count, devices.size()); ++index) {
    alignas(8) std::array<char, properties_size> properties = {};
    get_properties(devices[index], properties.data());
    uint32_t type = 0;
    std::memcpy(&type, properties.data() + type_offset, sizeof type);
    std::string name(properties.data() + name_offset, strnlen(properties.data() + name_offset, 256));
    (type == type_cpu ? software : hardware).push_back(name);
  }
  return join(hardware.empty() ? software : hardware, "\n");
}

}  // namespace

void probe_vulkan(const Place& place, Sink& sink) {
  KeptErrors errors;
  sink.asking("p:vk.devices");
  DriverLibrary vulkan(place, "libvulkan.so.1");
  auto* create = vulkan.function<CreateInstance>("vkCreateInstance");
  if (!create) {
    sink.set("p:vk.devices", "");
    return sink.set("p:vk.error", vulkan ? "libvulkan.so.1 is no Vulkan loader" : vulkan.error());
  }
  InstanceInfo info;
  void* instance = nullptr;
  int code = create(&info, nullptr, &instance);
  sink.set("p:vk.result", std::to_string(code));
  sink.set("p:vk.devices", code == 0 ? devices_of(vulkan, instance) : "");
  std::string error = errors.first();
  if (!error.empty()) sink.set("p:vk.error", error);
}

}  // namespace outboard::doctor::probes
