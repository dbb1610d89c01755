// Seen from inside a container: what was injected, what the device cgroup allows, whose libraries are loaded.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

// Containers that share a kernel with a host that may have a GPU.
bool plain_container(const Machine& m) {
  return m.docker && !m.gvisor && !m.micro_vm && !m.docker_desktop_vm && !m.mac;
}

bool any_cuda_library(const Machine& m) { return !m.cuda_libraries().empty(); }

bool any_node(const Machine& m) {
  bool amd = m.wants({"hip"}) && m.facts.has("n:/dev/kfd");
  return !m.nvidia_nodes().empty() || m.facts.has("n:/dev/dxg") || amd;
}

// The kernel's list of PCI devices is the host's; where it has no GPU, no flag gives one.
bool host_has_no_gpu(const Machine& m) { return !m.wsl() && !m.pci.empty() && !m.any_gpu() && !m.module_loaded(); }

std::string visible(const Machine& m) { return lower(trimmed(m.facts.text("e:NVIDIA_VISIBLE_DEVICES"))); }
bool told_nothing(const Machine& m) {
  return m.facts.has("e:NVIDIA_VISIBLE_DEVICES") &&
         (visible(m).empty() || visible(m) == "void" || visible(m) == "none");
}

bool no_request(const Machine& m, Seen& seen) {
  if (!plain_container(m) || m.kubernetes || !m.blocked() || host_has_no_gpu(m)) return false;
  if (any_node(m) || any_cuda_library(m)) return false;
  return seen.fact("f:/.dockerenv")
      .fact("p:virt")
      .fact("p:cuda.cuInit", "0")
      .missing("/dev/nvidia*, /dev/dxg, /dev/kfd")
      .missing("libcuda.so.1")
      .found();
}

// An element of NVIDIA_VISIBLE_DEVICES that no GPU of the kernel's list answers to.
bool names_absent_gpu(const Machine& m) {
  auto gpus = m.facts.matching("f:/proc/driver/nvidia/gpus/*/information");
  if (gpus.empty()) return false;
  for (const std::string& name : parts(visible(m), ",")) {
    auto index = number(name);
    bool uuid = name.starts_with("gpu-");
    if (index && *index >= static_cast<long>(gpus.size())) return true;
    if (uuid && std::none_of(gpus.begin(), gpus.end(),
                             [&](const std::string& key) { return contains_any_case(m.facts.text(key), name); }))
      return true;
  }
  return false;
}

bool told_wrong(const Machine& m, Seen& seen) {
  if (told_of(m, seen, "DOCK-24")) return seen.fact("e:NVIDIA_VISIBLE_DEVICES").found();
  bool wrong = (told_nothing(m) && !m.kubernetes) || names_absent_gpu(m);
  if (!plain_container(m) || !wrong || any_node(m) || !m.blocked()) return false;
  return seen.fact("e:NVIDIA_VISIBLE_DEVICES", "all, an index or a UUID of nvidia-smi -L")
      .missing("/dev/nvidia*")
      .found();
}

// The driver capability that the wanted API needs, and whether the libraries it stands for are absent.
bool capability_lacking(const Machine& m) {
  bool ran = m.facts.has("e:NVIDIA_VISIBLE_DEVICES") || m.facts.has("e:NVIDIA_DRIVER_CAPABILITIES");
  if (!m.container || m.wsl() || !ran || m.nvidia_nodes().empty()) return false;
  std::string text = lower(m.facts.text("e:NVIDIA_DRIVER_CAPABILITIES", "utility,compute"));
  auto listed = parts(text, ", ");
  auto lists = [&](std::string_view name) { return std::find(listed.begin(), listed.end(), name) != listed.end(); };
  if (lists("all")) return false;
  if (m.wants({"vulkan", "opengl", "egl"}))
    return !lists("graphics") && !lists("display") && !m.facts.any("f:*/libGLX_nvidia.so*") &&
           !m.facts.any("f:*/libEGL_nvidia.so*");
  if (m.wants({"opencl"})) return !lists("compute") && !m.facts.any("f:*/libnvidia-opencl.so*");
  return !lists("compute") && !any_cuda_library(m);
}

bool capability_not_requested(const Machine& m, Seen& seen) {
  if (!m.blocked() || !capability_lacking(m)) return false;
  bool graphics = m.wants({"vulkan", "opengl", "egl"});
  if (!m.facts.has("e:NVIDIA_DRIVER_CAPABILITIES"))
    seen.missing("NVIDIA_DRIVER_CAPABILITIES (the default is utility,compute)");
  seen.missing(graphics ? "libGLX_nvidia.so.0 and libEGL_nvidia.so.0" : "libcuda.so.1 or libnvidia-opencl.so.1");
  return seen.fact("e:NVIDIA_DRIVER_CAPABILITIES", graphics ? "graphics in it" : "compute in it").found();
}

bool nodes_by_hand(const Machine& m, Seen& seen) {
  auto nodes = m.nvidia_nodes();
  bool opens = std::any_of(nodes.begin(), nodes.end(), [&](const std::string& key) {
    auto device = node(m.facts.text(key));
    return device && device->opens();
  });
  if (!m.container || m.apptainer || m.wsl() || m.slurm || !opens || any_cuda_library(m) || !m.blocked()) return false;
  if (!m.wants({"cuda", "opencl"}) || capability_lacking(m)) return false;
  return seen.facts(nodes).missing("libcuda.so.1").fact("p:cuda.cuInit", "0").found();
}

bool libraries_only(const Machine& m, Seen& seen) {
  if (!plain_container(m) || m.kubernetes || told_nothing(m) || any_node(m) || !any_cuda_library(m)) return false;
  if (!m.cuda_fails() || host_has_no_gpu(m)) return false;
  return seen.facts(m.cuda_libraries()).fact("p:cuda.cuInit", "0").missing("/dev/nvidia*, /dev/dxg").found();
}

bool libraries_of_another_build(const Machine& m, Seen& seen) {
  if (!m.container || m.wsl() || !m.module_version || m.from_folder("p:cuda.path", "compat")) return false;
  std::string cuda = m.loaded_cuda(), nvml = "f:" + m.facts.text("p:nvml.path");
  bool cuda_differs = m.version_of(cuda) && m.version_of(cuda) != m.module_version;
  bool nvml_differs = m.version_of(nvml) && m.version_of(nvml) != m.module_version;
  bool fails = m.cuda_fails() || m.code("p:nvml.init") == 18L;
  if (!(cuda_differs || nvml_differs) || !fails) return false;
  if (cuda_differs) seen.fact(cuda, "the version of the kernel module");
  if (nvml_differs) seen.fact(nvml, "the version of the kernel module");
  return seen.fact(m.module_version_key).fact("p:cuda.cuInit", "0").fact("p:nvml.init", "0").found();
}

bool musl(const Machine& m, Seen& seen) {
  bool injected = false;
  for (const std::string& key : m.cuda_libraries()) {
    Library file = library(m.facts.text(key));
    injected = injected || (file.elf && file.c_library != "musl");
  }
  if (!m.musl || !injected || !m.cuda_not_loaded()) return false;
  return seen.fact("i:libc", "glibc")
      .line("f:/etc/os-release", "ID=")
      .facts(m.facts.matching("f:/lib/ld-musl-*"))
      .facts(m.cuda_libraries())
      .found();
}

// A node that the mode would let us open: somebody else refuses.
std::string refused_node(const Machine& m, std::string_view pattern, std::initializer_list<std::string_view> errors) {
  for (const std::string& key : m.facts.matching(pattern)) {
    auto device = node(m.facts.text(key));
    bool refused = device && std::find(errors.begin(), errors.end(), device->open) != errors.end();
    if (refused && (device->everybody_may() || m.facts.text("i:uid") == "0")) return key;
  }
  return {};
}

bool denial_in_log(const Machine& m) {
  return m.logged(messages_of("DOCK-45")) || holds_any(m.facts.text("c:audit"), messages_of("DOCK-45"));
}
bool selinux_acts(const Machine& m) {
  bool enforcing = trimmed(m.facts.text("f:/sys/fs/selinux/enforce")) == "1" ||
                   lower(trimmed(m.facts.text("c:getenforce"))) == "enforcing";
  return enforcing || m.logged(messages_of("DOCK-22")) || !m.told(messages_of("DOCK-22")).empty();
}

bool cgroup_denies_dxg(const Machine& m, Seen& seen) {
  auto device = m.device("/dev/dxg");
  bool refused = (device && device->open == "EPERM") || m.says("p:dxg.open", "eperm");
  if (!m.wsl2 || !refused || denial_in_log(m)) return false;
  return seen.fact("n:/dev/dxg", "open=ok")
      .line("f:/etc/nvidia-container-runtime/config.toml", "no-cgroups")
      .fact("p:nvml.init")
      .found();
}

bool toolkit_misses_library(const Machine& m, Seen& seen) {
  Version windows = version_in(m.facts.text("w:nvsmi.driver_version"));
  bool old_driver = windows && windows.major() < 555;
  bool there = m.facts.any("f:/usr/lib/wsl/drivers/*/libnvdxgdmal.so.1");
  if (!m.wsl2 || !m.container || m.code("p:cuda.cuInit") != 500L || there || old_driver) return false;
  return seen.fact("p:cuda.cuInit", "0").missing("libnvdxgdmal.so.1 beside the driver in /usr/lib/wsl/drivers").found();
}

bool lost_permission(const Machine& m, Seen& seen) {
  std::string key = refused_node(m, "n:/dev/nvidia*", {"EPERM"});
  if (!m.container || m.lxc || m.apptainer || m.slurm || m.wsl() || m.service || key.empty() || denial_in_log(m))
    return false;
  return seen.fact(key, "open=ok").fact("p:nvml.init").fact("p:cuda.cuInit").found();
}

bool selinux_denies(const Machine& m, Seen& seen) {
  std::string key = refused_node(m, "n:/dev/*", {"EACCES"});
  if (!m.container || key.empty() || !selinux_acts(m) || m.logged(messages_of("DOCK-45"))) return false;
  seen.fact(key, "open=ok").fact("f:/sys/fs/selinux/enforce").fact("c:getenforce").fact("f:/proc/self/attr/current");
  if (m.logged(messages_of("DOCK-22"))) seen.lines("k:dmesg", messages_of("DOCK-22"));
  return seen.fact("p:nvml.init").found();
}

bool profile_denies(const Machine& m, Seen& seen) {
  std::string key = refused_node(m, "n:/dev/*", {"EACCES", "EPERM"});
  if (key.empty() || !denial_in_log(m)) return false;
  if (!logged(m, seen, "DOCK-45")) seen.lines("c:audit", messages_of("DOCK-45"));
  return seen.fact(key, "open=ok").fact("f:/proc/self/attr/current", "unconfined").found();
}

bool gvisor(const Machine& m, Seen& seen) {
  if (!m.gvisor || !m.blocked()) return false;
  return seen.line("k:dmesg", "gvisor").fact("f:/proc/version", "a Linux kernel").fact("p:virt").found();
}

bool micro_vm(const Machine& m, Seen& seen) {
  if (!m.micro_vm || m.has_gpu(vendor::nvidia) || m.has_gpu(vendor::amd) || !m.blocked()) return false;
  return seen.fact("f:/proc/version", "the kernel of a host that has a GPU")
      .fact("p:virt")
      .fact("f:/sys/class/dmi/id/sys_vendor")
      .missing("a GPU among the PCI devices")
      .found();
}

bool mac(const Machine& m, Seen& seen) {
  if (!m.mac || m.any_gpu() || m.wsl() || !m.blocked()) return false;
  return seen.fact("f:/proc/version").fact("i:arch").fact("p:virt").missing("a GPU among the PCI devices").found();
}

}  // namespace

const std::vector<Check> container_checks = {
    {"DOCK-31", 5, Severity::blocked, Layer::container, gvisor},
    {"DOCK-32", 6, Severity::blocked, Layer::machine, micro_vm},
    {"DOCK-33", 6, Severity::blocked, Layer::machine, mac},
    {"DOCK-29", 27, Severity::blocked, Layer::container, musl},
    {"DOCK-45", 27, Severity::blocked, Layer::container, profile_denies},
    {"DOCK-28", 28, Severity::blocked, Layer::container, libraries_of_another_build},
    {"DOCK-22", 29, Severity::blocked, Layer::container, selinux_denies},
    {"DOCK-09", 30, Severity::blocked, Layer::container, cgroup_denies_dxg},
    {"DOCK-18", 30, Severity::blocked, Layer::container, lost_permission},
    {"DOCK-10", 32, Severity::blocked, Layer::container, toolkit_misses_library},
    {"DOCK-25", 46, Severity::blocked, Layer::container, capability_not_requested},
    {"DOCK-24", 48, Severity::blocked, Layer::container, told_wrong},
    {"DOCK-27", 49, Severity::blocked, Layer::container, libraries_only},
    {"DOCK-01", 50, Severity::blocked, Layer::container, no_request},
    {"DOCK-26", 51, Severity::blocked, Layer::container, nodes_by_hand},
};

}  // namespace outboard::doctor
