// What the facts say about the machine as a whole: its layers, its GPUs, what was asked for and whether that works.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "doctor/facts.h"
#include "doctor/read.h"

namespace outboard::doctor {

struct PciFunction {
  std::string key;  // the start of its facts: f:/sys/bus/pci/devices/0000:01:00.0
  long vendor = 0, device = 0, kind = -1;
  std::string driver;
};

namespace vendor {
constexpr long nvidia = 0x10de, amd = 0x1002, intel = 0x8086, microsoft = 0x1414, virtio = 0x1af4, vmware = 0x15ad;
}

// One driver interface that programs ask for.
enum class Works { yes, no, unknown };

class Machine {
 public:
  explicit Machine(const Facts& facts);
  const Facts& facts;

  // The layers, from the outside in.
  bool wsl1 = false, wsl2 = false;
  bool container = false;  // of any kind, on this kernel or in a small VM
  bool docker = false;     // Docker, Podman and their kind: what --gpus is for
  bool kubernetes = false, lxc = false, apptainer = false, flatpak = false, snap = false, slurm = false;
  bool service = false;  // a systemd unit whose sandbox hides devices
  bool vm = false, cloud = false;
  bool gvisor = false, micro_vm = false, docker_desktop_vm = false, mac = false;
  bool tegra = false, nixos = false, musl = false;
  bool wsl() const { return wsl1 || wsl2; }
  bool linux_host() const { return !wsl() && !container && !flatpak && !snap && !tegra; }
  std::vector<std::string> layers() const;

  // What was asked for: cuda, hip, opencl, vulkan, opengl, egl, none.
  std::string want;
  bool wants(std::initializer_list<std::string_view> apis) const;
  Works works(std::string_view api) const;
  bool blocked() const;     // what was asked for, or the device under it, does not work or was not seen to
  bool cuda_fails() const;  // seen to fail
  bool gl_in_software() const;
  bool vulkan_in_software() const;

  // Answers of the probes. A code is nothing where the probe did not get as far.
  std::optional<long> code(std::string_view key) const { return number(facts.text(key)); }
  bool says(std::string_view key, std::string_view text) const;
  bool cuda_not_loaded() const { return says("p:cuda.cuInit", "dlopen-failed"); }
  std::optional<long> cuda_code() const;  // the first code other than 0 of cuInit, a context, the last call

  // Windows, as seen from WSL.
  std::optional<long> windows_build;
  bool windows_server = false;
  std::vector<std::string> windows_gpus, windows_vendors, windows_problems, driver_models;
  bool windows_has(std::string_view vendor) const;
  bool windows_vendors_known() const { return !windows_vendors.empty(); }
  // What its Remote Desktop wrote into its log of the last session (events 170 and 162 of RdpCoreTS/Operational).
  Works rdp_encoder = Works::unknown, rdp_avc = Works::unknown;  // the GPU's encoder; H.264 at all
  std::optional<long> rdp_profile;
  std::string wsl_setting(std::string_view section, std::string_view name) const;  // of .wslconfig
  bool shares_mounted() const;                                                     // /usr/lib/wsl/lib or drivers
  bool drivers_mounted() const;                                                    // /usr/lib/wsl/drivers

  // The kernel and its devices.
  std::string kernel;  // uname -r
  std::vector<PciFunction> pci;
  std::vector<PciFunction> gpus(long vendor) const;
  bool has_gpu(long vendor) const { return !gpus(vendor).empty(); }
  bool any_gpu() const;
  const PciFunction* pci_device(long vendor, std::initializer_list<long> devices) const;
  std::set<std::string, std::less<>> modules;
  bool module_loaded() const;  // nvidia
  Version module_version;      // of the loaded nvidia module
  std::string module_version_key, module_version_text;
  std::string log;  // the kernel's, flat
  bool logged(const std::vector<std::string>& messages) const { return flat_holds_any(lower_log_, messages); }
  std::optional<Node> device(std::string_view path) const;
  std::vector<std::string> nvidia_nodes() const;           // keys of /dev/nvidiactl and /dev/nvidia<N>
  bool module_for(std::string_view kernel_pattern) const;  // a file nvidia.ko for it

  // Libraries.
  std::vector<std::string> cuda_libraries() const;  // keys of the candidates named libcuda.so.1
  std::string loaded_cuda() const;                  // key of the one that was loaded, or would be
  Version version_of(const std::string& key) const;
  bool from_folder(std::string_view path_key, std::string_view folder) const;  // p:cuda.path lies in /folder/

  // The fact, a command's output or a program's last words, that holds one of the messages; empty where none does.
  std::string told(const std::vector<std::string>& messages) const;

 private:
  std::string lower_log_;
  std::vector<std::pair<std::string, std::string>> told_;  // key and flat text of what programs said
  void find_told();
  void find_layers();
  void find_wsl();
  void find_containers();
  void find_machine();
  std::string virtualization() const;
  void find_windows();
  void find_windows_desktop();
  void find_pci();
  void find_kernel();
};

bool software_renderer(std::string_view name);

}  // namespace outboard::doctor
