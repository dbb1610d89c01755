// The subjects of the checks: one file each, one table each.
#pragma once
#include <vector>

#include "doctor/cause.h"
#include "doctor/check.h"

namespace outboard::doctor {

extern const std::vector<Check> windows_checks;          // the Windows side of WSL
extern const std::vector<Check> windows_desktop_checks;  // Windows' own Remote Desktop
extern const std::vector<Check> wsl_checks;              // the WSL VM and the distribution
extern const std::vector<Check> wsl_api_checks;          // OpenCL, Vulkan, OpenGL in WSL
extern const std::vector<Check> container_start_checks;  // engines that refuse to start a container
extern const std::vector<Check> container_checks;        // seen from inside a container
extern const std::vector<Check> cluster_checks;          // Kubernetes, Slurm, LXC, Apptainer, services, Flatpak, snap
extern const std::vector<Check> nvidia_module_checks;    // the kernel module: absent, not loaded, not matching
extern const std::vector<Check> nvidia_hardware_checks;  // what the kernel's log says of the card
extern const std::vector<Check> nvidia_state_checks;     // modes, licences, fabric, memory
extern const std::vector<Check> amd_intel_checks;
extern const std::vector<Check> virtual_machine_checks;
extern const std::vector<Check> library_checks;   // which driver library is loaded
extern const std::vector<Check> graphics_checks;  // OpenCL, Vulkan, EGL and GLX discovery
extern const std::vector<Check> program_checks;   // the program and its environment

inline std::vector<const std::vector<Check>*> check_subjects() {
  return {&windows_checks,         &windows_desktop_checks, &wsl_checks,       &wsl_api_checks,
          &container_start_checks, &container_checks,       &cluster_checks,   &nvidia_module_checks,
          &nvidia_hardware_checks, &nvidia_state_checks,    &amd_intel_checks, &virtual_machine_checks,
          &library_checks,         &graphics_checks,        &program_checks};
}

// Whether a command's output holds one of a cause's messages; shows it.
inline bool told_of(const Machine& m, Seen& seen, std::string_view id) {
  std::string key = m.told(messages_of(id));
  if (key.empty()) return false;
  seen.lines(key, messages_of(id));
  return true;
}

// The same for the kernel's log.
inline bool logged(const Machine& m, Seen& seen, std::string_view id) {
  if (!m.logged(messages_of(id))) return false;
  seen.lines("k:dmesg", messages_of(id));
  return true;
}

}  // namespace outboard::doctor
