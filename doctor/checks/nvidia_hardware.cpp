// What the kernel's log says of the card: power, bus, firmware, generation, faults.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

// Xids after which the device needs a reset (NVIDIA: XID Errors). 13, 31, 43 and 45 are faults of one program.
constexpr long fatal_xids[] = {48, 61, 62, 64, 74, 92, 94, 95, 119, 120, 136, 140, 143};
constexpr long off_the_bus = 79;

// A message of the kernel's log explains something only where the device is seen to fail now: logs are old. NVML's
// codes for permissions (4), an absent driver (9), a block (17) and versions (18) have causes of their own.
bool fails(const Machine& m) {
  constexpr long of_others[] = {0, 4, 9, 17, 18};
  auto nvml = m.code("p:nvml.init");
  if (m.wsl()) return false;
  if (m.says("p:nvml.count", "0")) return true;
  if (nvml) return std::find(std::begin(of_others), std::end(of_others), *nvml) == std::end(of_others);
  return !m.facts.has("p:nvml.init") && m.cuda_code().has_value();
}

// CUDA's codes for a device that is in a bad state while NVML still answers.
bool cuda_names_device(const Machine& m) {
  auto code = m.cuda_code();
  return code && (*code == 214 || *code == 719 || *code == 999);
}

std::vector<long> xids(const Machine& m) {
  std::vector<long> found;
  for (size_t at = m.log.find("Xid ("); at != std::string::npos; at = m.log.find("Xid (", at + 1)) {
    size_t after = m.log.find("): ", at);
    if (after == std::string::npos) break;
    std::string_view rest = std::string_view(m.log).substr(after + 3);
    if (auto xid = number(rest.substr(0, rest.find_first_not_of("0123456789")))) found.push_back(*xid);
  }
  return found;
}

bool lost(const Machine& m) {
  auto seen = xids(m);
  return std::find(seen.begin(), seen.end(), off_the_bus) != seen.end() || m.logged(messages_of("NV-14")) ||
         !trimmed(m.facts.text("p:pci.gone")).empty() || m.code("p:nvml.init") == 15L;
}

bool no_gsp(const Machine& m, Seen& seen) {
  if (!fails(m) || !logged(m, seen, "NV-09")) return false;
  return seen.line("f:/proc/driver/nvidia/version", "Kernel Module", "the proprietary module").found();
}

bool too_old(const Machine& m, Seen& seen) {
  return fails(m) && logged(m, seen, "NV-10") &&
         seen.fact(m.module_version_key, "the branch that still has this GPU").found();
}

bool needs_open_module(const Machine& m, Seen& seen) {
  if (!fails(m) || !logged(m, seen, "NV-11")) return false;
  return seen.line("f:/proc/driver/nvidia/version", "Kernel Module", "Open Kernel Module").found();
}

bool firmware_missing(const Machine& m, Seen& seen) {
  if (!fails(m) || m.container) return false;
  std::string folder = "f:/lib/firmware/nvidia/" + m.module_version_text + "/gsp_";
  bool absent = m.module_version && !m.facts.any(folder + "*");
  bool other_version = m.facts.any("f:/lib/firmware/nvidia/*/gsp_*");
  bool log_says = m.logged(messages_of("NV-12"));
  bool init_failed = contains(m.log, "RmInitAdapter failed");
  bool no_devices =
      m.code("p:nvml.init") == 0L && m.says("p:nvml.count", "0") && !contains(m.log, "installed in this system");
  if (!log_says && !(absent && (init_failed || (no_devices && !other_version)))) return false;
  if (log_says) seen.lines("k:dmesg", messages_of("NV-12"));
  if (absent) seen.missing("/lib/firmware/nvidia/" + m.module_version_text + "/gsp_*.bin");
  return seen.fact(m.module_version_key).found();
}

bool initialisation_failed(const Machine& m, Seen& seen) {
  Seen other(m.facts);
  if (!fails(m) || lost(m) || firmware_missing(m, other) || !logged(m, seen, "NV-13")) return false;
  return seen.fact("p:nvml.count", "1 or more").fact("p:cuda.cuInit", "0").found();
}

bool fell_off_the_bus(const Machine& m, Seen& seen) {
  if (!fails(m) || !lost(m)) return false;
  if (!logged(m, seen, "NV-14")) seen.line("k:dmesg", "): 79,");
  return seen.fact("p:pci.gone", "none").fact("p:nvml.init", "0").fact("p:cuda.cuInit", "0").found();
}

bool fatal_xid(const Machine& m, Seen& seen) {
  if (m.wsl() || !(fails(m) || cuda_names_device(m))) return false;
  for (long xid : xids(m)) {
    if (std::find(std::begin(fatal_xids), std::end(fatal_xids), xid) == std::end(fatal_xids)) continue;
    return seen.line("k:dmesg", "): " + std::to_string(xid) + ",")
        .fact("p:nvml.init", "0")
        .fact("p:cuda.cuInit", "0")
        .found();
  }
  return false;
}

bool no_power(const Machine& m, Seen& seen) {
  if (!fails(m) || !(logged(m, seen, "NV-16") || m.code("p:nvml.init") == 8L)) return false;
  return seen.fact("p:nvml.init", "0").found();
}

// The second line of a device's resources is its BAR1: start, end and flags.
bool bar1_unassigned(const Machine& m) {
  if (!trimmed(m.facts.text("p:pci.no-bar1")).empty()) return true;
  for (const PciFunction& gpu : m.gpus(vendor::nvidia)) {
    auto regions = lines(m.facts.text(gpu.key + "/resource"));
    if (regions.size() > 1 && regions[1].find_first_not_of("0x \t") == std::string::npos) return true;
  }
  return false;
}

bool region_invalid(const Machine& m, Seen& seen) {
  if (!fails(m)) return false;
  bool log_says = logged(m, seen, "NV-17");
  if (!log_says && !(bar1_unassigned(m) && m.says("p:nvml.count", "0"))) return false;
  for (const PciFunction& gpu : m.gpus(vendor::nvidia))
    seen.fact(gpu.key + "/resource", "an address in the second line");
  return seen.fact("p:pci.no-bar1", "none").fact("p:cuda.cuInit", "0").found();
}

bool region_taken(const Machine& m, Seen& seen) {
  return fails(m) && logged(m, seen, "NV-18") && seen.line("f:/proc/iomem", "fb").fact("p:cuda.cuInit", "0").found();
}

bool vgpu_driver(const Machine& m, Seen& seen) {
  return fails(m) && logged(m, seen, "NV-34") && seen.fact("p:virt").fact("f:/proc/driver/nvidia/version").found();
}

}  // namespace

const std::vector<Check> nvidia_hardware_checks = {
    {"NV-12", 31, Severity::blocked, Layer::driver, firmware_missing},
    {"NV-34", 31, Severity::blocked, Layer::driver, vgpu_driver},
    {"NV-09", 32, Severity::blocked, Layer::driver, no_gsp},
    {"NV-10", 32, Severity::blocked, Layer::driver, too_old},
    {"NV-11", 32, Severity::blocked, Layer::driver, needs_open_module},
    {"NV-16", 33, Severity::blocked, Layer::device, no_power},
    {"NV-17", 33, Severity::blocked, Layer::device, region_invalid},
    {"NV-18", 33, Severity::blocked, Layer::device, region_taken},
    {"NV-14", 34, Severity::blocked, Layer::device, fell_off_the_bus},
    {"NV-15", 35, Severity::blocked, Layer::device, fatal_xid},
    {"NV-13", 36, Severity::blocked, Layer::device, initialisation_failed},
};

}  // namespace outboard::doctor
