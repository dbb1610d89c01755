// Every probe, with what it finds and how long it may take.
#include "doctor/probes/probes.h"
#include "doctor/probes/watched.h"

namespace outboard::doctor::probes {

namespace {

// A probe for each subject of the table of files.
Probe files_of(const char* subject, const char* keys) {
  return {std::string("files: ") + subject, keys, usual_time,
          [subject](const Place& place, Sink& sink) { watch(subject, place, sink); }};
}

}  // namespace

std::vector<Probe> all_probes() {
  std::vector<Probe> probes = {
      // Drivers first: they take longest.
      {"CUDA", "p:cuda.* p:dlopen.error", driver_time, probe_cuda},
      {"CUDA without CUDA_VISIBLE_DEVICES", "p:cuda.nocvd*", driver_time, probe_cuda_unfiltered},
      {"NVML", "p:nvml.* p:cc", driver_time, probe_nvml},
      {"/dev/dxg", "p:dxg.*", driver_time, probe_dxg},
      {"dxcore", "p:dxcore.*", driver_time, probe_dxcore},
      {"HIP", "p:hip.*", driver_time, probe_hip},
      {"Level Zero", "p:ze.*", driver_time, probe_level_zero},
      {"OpenCL", "p:cl.*", driver_time, probe_opencl},
      {"Vulkan", "p:vk.*", driver_time, probe_vulkan},
      {"EGL", "p:egl.*", driver_time, probe_egl},
      {"OpenGL", "p:gl.*", driver_time, probe_opengl},
      {"Windows", "w:*", driver_time, probe_windows},
      {"nvidia-smi.exe", "w:nvsmi.*", driver_time, probe_windows_nvidia},
      {"wsl.exe", "w:wsl.version", driver_time, probe_windows_wsl},
      {"device nodes", "n:/dev/*", driver_time, probe_nodes},
      files_of("kernel", "f:/proc/version f:/proc/sys/* f:/proc/modules f:/proc/devices f:/proc/cmdline f:/sys/*"),
      files_of("process", "f:/proc/self/* f:/proc/1/*"),
      files_of("system", "f:/etc/os-release f:/etc/ld* f:/etc/modprobe.d/* f:/lib/ld-musl*"),
      files_of("packages", "f:/var/lib/dpkg/status"),
      files_of("nvidia", "f:/proc/driver/nvidia/* f:/lib/firmware/nvidia/* f:/var/lib/dkms/*"),
      files_of("wsl", "f:/etc/wsl.conf f:/proc/sys/fs/binfmt_misc/* f:/usr/lib/wsl/lib/*"),
      files_of("containers", "f:/.dockerenv f:/run/* f:/.flatpak-info f:/etc/cdi/* f:/var/run/cdi/* f:/etc/docker/*"),
      {"PCI", "f:/sys/bus/pci/* p:pci.*", usual_time, probe_pci},
      {"environment", "e:*", usual_time, probe_environment},
      {"parents", "p:parent.env", usual_time, probe_parents},
      {"identity", "i:*", usual_time, probe_identity},
      {"virtualization", "p:virt p:virt.*", usual_time, probe_virtualization},
      {"kernel log", "k:dmesg", usual_time, probe_kernel_log},
      {"kernel configuration", "p:kconfig.*", usual_time, probe_kernel_config},
      {"kernel modules", "f:/lib/modules/* p:module.signed", usual_time, probe_kernel_modules},
      {"Secure Boot", "p:secureboot", usual_time, probe_secure_boot},
      {"compute topology", "p:kfd.* p:rocm.*", usual_time, probe_topology},
      {"libraries", "f:/usr/lib/* f:/usr/local/* f:/opt/* p:resolve.* p:ldcache", usual_time, probe_libraries},
      {"vendor files", "f:/etc/OpenCL/* f:/usr/share/vulkan/* f:/usr/share/glvnd/* f:/etc/vulkan/*", usual_time,
       probe_manifests},
      {"driver store", "f:/usr/lib/wsl/drivers/* p:umd.missing", usual_time, probe_driver_store},
  };
  for (Probe& probe : command_probes()) probes.push_back(std::move(probe));
  return probes;
}

std::vector<Probe> desktop_probes() {
  return {{"Windows", "w:*", driver_time, probe_windows},
          {"nvidia-smi.exe", "w:nvsmi.*", driver_time, probe_windows_nvidia},
          {"Remote Desktop", "w:rdp.event* w:rdp.*", driver_time, probe_windows_desktop},
          {"DXGI", "w:rdp.adapters", milliseconds(10000), probe_windows_adapters},
          files_of("kernel", "f:/proc/version f:/proc/sys/*"),
          {"environment", "e:*", usual_time, probe_environment},
          {"identity", "i:*", usual_time, probe_identity},
          {"virtualization", "p:virt p:virt.*", usual_time, probe_virtualization}};
}

}  // namespace outboard::doctor::probes
