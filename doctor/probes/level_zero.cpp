// Asks Level Zero for devices, in this child. oneAPI Level Zero Specification, "Core Programming Guide", Drivers and
// Devices.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "doctor/probes/driver_library.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

void probe_level_zero(const Place& place, Sink& sink) {
  sink.asking("p:ze.devices");
  DriverLibrary loader(place, "libze_loader.so.1");
  auto* init = loader.function<int(uint32_t)>("zeInit");
  auto* get_drivers = loader.function<int(uint32_t*, void**)>("zeDriverGet");
  auto* get_devices = loader.function<int(void*, uint32_t*, void**)>("zeDeviceGet");
  if (!init || !get_drivers || !get_devices) return;  // not installed: nobody asks for it then
  sink.asking("p:ze.devices");
  std::array<void*, 16> drivers = {};
  uint32_t count = drivers.size(), devices = 0;
  int code = init(0);
  if (code == 0) code = get_drivers(&count, drivers.data());
  for (uint32_t index = 0; code == 0 && index < std::min<uint32_t>(count, drivers.size()); ++index) {
    uint32_t here = 0;
    if (get_devices(drivers[index], &here, nullptr) == 0) devices += here;
  }
  sink.set("p:ze.devices", std::to_string(devices));
  if (code != 0) sink.set("p:ze.error", std::to_string(code));
}

}  // namespace outboard::doctor::probes
