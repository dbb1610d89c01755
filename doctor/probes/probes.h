// The probes, one function for each source of facts. The table in table.cpp says when which one runs.
#pragma once
#include <string>
#include <vector>

#include "doctor/probes/reading.h"
#include "doctor/probes/probe.h"
#include "doctor/probes/sink.h"

namespace outboard::doctor::probes {

// Files and process.
void probe_pci(const Place& place, Sink& sink);
void probe_nodes(const Place& place, Sink& sink);
void probe_environment(const Place& place, Sink& sink);
void probe_parents(const Place& place, Sink& sink);
void probe_identity(const Place& place, Sink& sink);        // user, groups, machine, C library
void probe_virtualization(const Place& place, Sink& sink);  // what contains us
void probe_kernel_log(const Place& place, Sink& sink);
void probe_kernel_config(const Place& place, Sink& sink);
void probe_kernel_modules(const Place& place, Sink& sink);
void probe_secure_boot(const Place& place, Sink& sink);
void probe_topology(const Place& place, Sink& sink);   // AMD's compute topology and versions
void probe_libraries(const Place& place, Sink& sink);  // driver libraries, as the loader finds them
void probe_manifests(const Place& place, Sink& sink);  // OpenCL, Vulkan, EGL: vendor files and what they name
void probe_driver_store(const Place& place, Sink& sink);

// The Windows side of WSL.
void probe_windows(const Place& place, Sink& sink);
void probe_windows_nvidia(const Place& place, Sink& sink);
void probe_windows_wsl(const Place& place, Sink& sink);
void probe_windows_desktop(const Place& place, Sink& sink);
void probe_windows_adapters(const Place& place, Sink& sink);

// Drivers, asked in this child.
void probe_dxg(const Place& place, Sink& sink);
void probe_dxcore(const Place& place, Sink& sink);
void probe_cuda(const Place& place, Sink& sink);
void probe_cuda_unfiltered(const Place& place, Sink& sink);  // without CUDA_VISIBLE_DEVICES
void probe_nvml(const Place& place, Sink& sink);
void probe_hip(const Place& place, Sink& sink);
void probe_level_zero(const Place& place, Sink& sink);
void probe_opencl(const Place& place, Sink& sink);
void probe_vulkan(const Place& place, Sink& sink);
void probe_egl(const Place& place, Sink& sink);
void probe_opengl(const Place& place, Sink& sink);

// Probes that run a command, one for each row of a table.
std::vector<Probe> command_probes();
// All of them.
std::vector<Probe> all_probes();
// Those of outboard doctor desktop alone.
std::vector<Probe> desktop_probes();

// GPU variables that the nearest ancestor that has any has, and this process has not.
struct Lost {
  std::vector<std::string> variables;  // NAME=VALUE
  bool refused = false;                // an ancestor may not be looked at
};
Lost lost_variables(const Place& place);
// The name that /etc/passwd or /etc/group gives a number; the number when there is none.
std::string name_of(const Place& place, const std::string& file, unsigned number);
// Whether this is a WSL kernel, of version 1 or 2.
bool is_wsl(const Place& place);

}  // namespace outboard::doctor::probes
