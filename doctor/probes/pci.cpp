// GPUs on the PCI bus: vendor, device, class and driver of every function that is a display, an accelerator, or a GPU
// maker's bridge.
#include <algorithm>
#include <array>

#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/watched.h"

namespace outboard::doctor::probes {

namespace {

bool matters(const std::string& vendor, const std::string& kind) {
  // Class 03: display; 12: processing accelerator; 0680: NVSwitch is a bridge. 1414 is the GPU of a Hyper-V guest,
  // 1d0f Amazon's accelerators; 1af4, 15ad, 80ee and 1234 tell of a virtual machine.
  bool display = kind.starts_with("0x03") || kind.starts_with("0x12");
  constexpr std::array makers = {"0x10de", "0x1414", "0x1d0f", "0x1af4", "0x15ad", "0x80ee", "0x1234"};
  bool maker = std::find(makers.begin(), makers.end(), vendor) != makers.end();
  bool virtual_machine = maker && vendor != "0x10de";
  return display || virtual_machine || kind.empty() ||
         (maker && !kind.starts_with("0x04") && !kind.starts_with("0x0c") && !kind.starts_with("0x02"));
}

// BAR1, where NVIDIA GPUs show their memory, is the second line (sysfs-bus-pci).
bool lost_window(const std::string& resources) {
  std::vector<std::string> rows = lines(resources);
  return rows.size() > 1 && rows[1].starts_with("0x0000000000000000 0x0000000000000000");
}

}  // namespace

void probe_pci(const Place& place, Sink& sink) {
  constexpr std::array files = {"vendor", "device", "class", "subsystem_vendor", "subsystem_device"};
  const std::string folder = "/sys/bus/pci/devices";
  Listing devices = list(place, folder);
  if (devices.state == State::unreadable) return sink.unknown("f:/sys/bus/pci/*", devices.why);
  std::vector<std::string> gone, without_window;
  for (const std::string& name : devices.names) {
    std::string base = folder + "/" + name + "/";
    std::string vendor = word(place, base + "vendor");
    if (!matters(vendor, word(place, base + "class"))) continue;
    for (const char* file : files) say_file(place, base + file, Kind::text, sink);
    say_file(place, base + "driver", Kind::link, sink);
    if (vendor == "0x10de") say_file(place, base + "resource", Kind::text, sink);
    if (read(place, base + "config", 64).text.starts_with("\xFF\xFF")) gone.push_back(name);
    if (vendor == "0x10de" && lost_window(word(place, base + "resource"))) without_window.push_back(name);
  }
  // A device that has fallen off the bus reads as ones (PCI Local Bus Specification 3.0, section 6.2.1).
  sink.set("p:pci.gone", join(gone, " "));
  sink.set("p:pci.no-bar1", join(without_window, " "));
}

}  // namespace outboard::doctor::probes
