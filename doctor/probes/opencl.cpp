// Asks the OpenCL loader for platforms, in this child. OpenCL API Specification 3.0, sections 4.1 and 4.2.
#include <algorithm>
#include <array>
#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

using Platform = void*;
using GetPlatforms = int(unsigned, Platform*, unsigned*);
using GetPlatformInfo = int(Platform, unsigned, size_t, void*, size_t*);
using GetDevices = int(Platform, unsigned long, unsigned, void*, unsigned*);

constexpr unsigned platform_name = 0x0902;
constexpr unsigned long gpu_or_accelerator = 1 << 2 | 1 << 3;

}  // namespace

void probe_opencl(const Place& place, Sink& sink) {
  sink.asking("p:cl.platforms");
  DriverLibrary opencl(place, "libOpenCL.so.1");
  auto* get = opencl.function<GetPlatforms>("clGetPlatformIDs");
  auto* get_info = opencl.function<GetPlatformInfo>("clGetPlatformInfo");
  auto* get_devices = opencl.function<GetDevices>("clGetDeviceIDs");
  if (!get || !get_info || !get_devices) {
    sink.set("p:cl.platforms", "0");
    return sink.set("p:cl.error", opencl ? "libOpenCL.so.1 is no OpenCL loader" : opencl.error());
  }
  std::array<Platform, 32> platforms = {};
  unsigned count = 0;
  int code = get(platforms.size(), platforms.data(), &count);
  if (code != 0) sink.set("p:cl.error", std::to_string(code));
  count = code == 0 ? std::min<unsigned>(count, platforms.size()) : 0;
  std::vector<std::string> names;
  unsigned with_gpu = 0;
  for (unsigned index = 0; index < count; ++index) {
    std::array<char, 256> name = {};
    get_info(platforms[index], platform_name, name.size() - 1, name.data(), nullptr);
    unsigned devices = 0;
    bool has_gpu = get_devices(platforms[index], gpu_or_accelerator, 0, nullptr, &devices) == 0 && devices > 0;
    with_gpu += has_gpu;
    names.push_back(std::string(name.data()) + (has_gpu ? "" : " (no GPU)"));
  }
  // A platform of the CPU alone is no way to a GPU.
  sink.set("p:cl.platforms", std::to_string(with_gpu));
  sink.set("p:cl.names", join(names, "\n"));
}

}  // namespace outboard::doctor::probes
