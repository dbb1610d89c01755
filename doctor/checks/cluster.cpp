// Those who hand out GPUs or fence programs off from them: Kubernetes, Slurm, LXC, Apptainer, systemd, Flatpak, snap.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

bool any_open_as(const Machine& m, std::string_view error) {
  for (const std::string& key : m.facts.matching("n:/dev/nvidia*"))
    if (auto device = node(m.facts.text(key)); device && device->open == error) return true;
  return false;
}

bool pod_without_limit(const Machine& m, Seen& seen) {
  bool nodes =
      !m.nvidia_nodes().empty() || m.facts.has("n:/dev/dxg") || (m.wants({"hip"}) && m.facts.has("n:/dev/kfd"));
  if (!m.kubernetes || m.gvisor || m.micro_vm || nodes || !m.blocked()) return false;
  return seen.fact("e:KUBERNETES_SERVICE_HOST")
      .fact("e:NVIDIA_VISIBLE_DEVICES")
      .fact("p:cuda.cuInit", "0")
      .missing("/dev/nvidia*")
      .found();
}

bool no_free_gpu(const Machine& m, Seen& seen) { return told_of(m, seen, "K8S-02"); }
bool no_runtime_handler(const Machine& m, Seen& seen) { return told_of(m, seen, "K8S-03"); }

// The number that the kernel gave nvidia-uvm at this start, in /proc/devices.
std::optional<long> uvm_major(const Machine& m) {
  for (const std::string& line : lines(m.facts.text("f:/proc/devices")))
    if (auto words = parts(line, " \t"); words.size() == 2 && words[1] == "nvidia-uvm") return number(words[0]);
  return std::nullopt;
}

bool lxc_rule(const Machine& m, Seen& seen) {
  auto node = m.device("/dev/nvidia-uvm");
  auto major = uvm_major(m);
  bool stale = node && major && node->major != *major;
  bool no_nodes = m.nvidia_nodes().empty() && m.module_loaded();
  bool refused = any_open_as(m, "EPERM") || (node && node->open == "ENXIO");
  if (!m.lxc || !(stale || refused || no_nodes) || !m.blocked()) return false;
  if (stale) seen.fact("n:/dev/nvidia-uvm", "the number in /proc/devices").line("f:/proc/devices", "nvidia-uvm");
  if (no_nodes) seen.missing("/dev/nvidia*");
  return seen.facts(m.nvidia_nodes(), "open=ok").fact("p:virt").fact("p:cuda.cuInit", "0").found();
}

bool apptainer_flag(const Machine& m, Seen& seen) {
  bool nvidia =
      !m.facts.any("f:/.singularity.d/libs/libcuda.so*") && (m.cuda_not_loaded() || m.cuda_libraries().empty());
  bool amd = m.wants({"hip"}) && !m.facts.any("f:/.singularity.d/libs/libamdhip64*") &&
             !m.facts.any("f:/.singularity.d/libs/libhsa*");
  if (!m.apptainer || !(m.wants({"hip"}) ? amd : nvidia) || !m.blocked()) return false;
  seen.facts(m.facts.matching("e:APPTAINER_CONTAINER")).facts(m.facts.matching("e:SINGULARITY_CONTAINER"));
  return seen.missing("/.singularity.d/libs/libcuda.so.1").facts(m.nvidia_nodes()).fact("p:cuda.cuInit", "0").found();
}

bool job_without_gpu(const Machine& m, Seen& seen) {
  const std::string* devices = m.facts.find("e:CUDA_VISIBLE_DEVICES");
  bool none_named = !devices || trimmed(*devices).empty() || lower(trimmed(*devices)) == "nodevfiles";
  bool denied = any_open_as(m, "EPERM") || m.says("p:nvml.count", "0") || m.nvidia_nodes().empty();
  if (!m.slurm || !none_named || !(denied || devices) || !m.blocked()) return false;
  return seen.fact("e:SLURM_JOB_ID")
      .fact("e:CUDA_VISIBLE_DEVICES", "the devices of the job")
      .facts(m.nvidia_nodes(), "open=ok")
      .fact("p:cuda.cuInit", "0")
      .found();
}

bool unit_hides_devices(const Machine& m, Seen& seen) {
  bool gone = m.nvidia_nodes().empty() && !m.facts.any("n:/dev/dri/*") && !m.facts.has("n:/dev/kfd") &&
              !m.facts.has("n:/dev/dxg");
  if (!m.service || !(gone || any_open_as(m, "EPERM")) || !m.blocked()) return false;
  return seen.fact("c:systemd.unit", "PrivateDevices=no, DevicePolicy=auto")
      .missing("/dev/nvidia*, /dev/dri, /dev/kfd")
      .found();
}

bool flatpak_extension(const Machine& m, Seen& seen) {
  if (!m.flatpak || !m.module_version || !m.blocked()) return false;
  std::string name = "nvidia";
  for (const std::string& digits : parts(m.module_version_text, ".")) name += "-" + digits;
  if (m.facts.any("f:*/GL/" + name + "/*")) return false;
  return seen.fact(m.module_version_key)
      .facts(m.facts.matching("f:*/GL/nvidia-*"), name)
      .missing("GL extension " + name)
      .found();
}

bool snap_confinement(const Machine& m, Seen& seen) {
  if (!m.snap || !m.blocked()) return false;
  const std::string connections = m.facts.text("c:snap.connections");
  bool connected = false;
  for (const std::string& line : lines(connections)) {
    auto words = parts(line, " \t");
    bool graphics = contains(line, "opengl") || contains(line, "graphics-core") || contains(line, "gpu-2404");
    connected = connected || (graphics && words.size() > 2 && words[2] != "-");
  }
  bool libraries = m.facts.any("f:/var/lib/snapd/lib/gl/*") || !m.cuda_libraries().empty();
  if (connected && libraries) return false;
  seen.fact("e:SNAP_NAME")
      .fact("e:SNAP")
      .line("c:snap.connections", "opengl", "connected")
      .fact("f:/proc/self/attr/current");
  if (!libraries) seen.missing("the host's libraries in /var/lib/snapd/lib/gl");
  return seen.found();
}

}  // namespace

const std::vector<Check> cluster_checks = {
    {"FLAT-01", 23, Severity::blocked, Layer::container, flatpak_extension},
    {"SNAP-01", 23, Severity::blocked, Layer::container, snap_confinement},
    {"SVC-01", 24, Severity::blocked, Layer::container, unit_hides_devices},
    {"SLURM-01", 25, Severity::blocked, Layer::container, job_without_gpu},
    {"LXC-01", 26, Severity::blocked, Layer::container, lxc_rule},
    {"APPT-01", 45, Severity::blocked, Layer::container, apptainer_flag},
    {"K8S-01", 47, Severity::blocked, Layer::container, pod_without_limit},
    {"K8S-02", 60, Severity::blocked, Layer::container, no_free_gpu},
    {"K8S-03", 60, Severity::blocked, Layer::container, no_runtime_handler},
};

}  // namespace outboard::doctor
