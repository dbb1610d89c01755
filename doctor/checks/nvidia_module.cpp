// NVIDIA's kernel module on Linux: no card, no module, one for another kernel, not loaded, of another version; its
// nodes.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

bool bound_to(const Machine& m, std::initializer_list<std::string_view> drivers) {
  for (const PciFunction& gpu : m.gpus(vendor::nvidia))
    if (std::find(drivers.begin(), drivers.end(), gpu.driver) != drivers.end()) return true;
  return false;
}

// A card that no driver took, on a kernel without NVIDIA's module.
bool card_without_module(const Machine& m) {
  bool unbound = false;
  for (const PciFunction& gpu : m.gpus(vendor::nvidia)) unbound = unbound || gpu.driver.empty();
  return m.linux_host() && unbound && !m.module_loaded() && m.cuda_fails();
}

void show_card(const Machine& m, Seen& seen) {
  for (const PciFunction& gpu : m.gpus(vendor::nvidia))
    seen.fact(gpu.key + "/vendor").fact(gpu.key + "/driver", "nvidia");
}

bool tunnel_waits(const Machine& m) {
  for (const std::string& key : m.facts.matching("f:/sys/bus/thunderbolt/devices/*/authorized"))
    if (trimmed(m.facts.text(key)) == "0") return true;
  return false;
}

bool integrated_chosen(const Machine& m) {
  auto is = [&](std::string_view pattern, std::string_view word) {
    for (const std::string& key : m.facts.matching(pattern))
      if (contains_any_case(m.facts.text(key), word)) return true;
    return false;
  };
  bool nvidia_off = is("f:/proc/acpi/bbswitch", "OFF") || is("f:/etc/prime-discrete", "off");
  bool chosen = false;
  for (const std::string& key : m.facts.matching("c:prime*"))
    chosen = chosen || lower(trimmed(m.facts.text(key))) == "intel";
  return chosen || is("c:supergfx*", "Integrated") || nvidia_off ||
         is("f:/lib/modprobe.d/*nvidia*", "blacklist nvidia") ||
         is("f:/usr/lib/modprobe.d/blacklist-nvidia*", "blacklist nvidia");
}

bool no_card(const Machine& m, Seen& seen) {
  bool shared_kernel = m.docker && !m.pci.empty() && !m.any_gpu() && !m.wsl() && !m.gvisor && !m.mac && !m.micro_vm;
  bool host = (m.linux_host() && !m.vm) || (shared_kernel && !m.vm);
  if (!host || m.has_gpu(vendor::nvidia) || m.module_loaded() || !m.wants({"cuda"}) || m.works("cuda") == Works::yes)
    return false;
  if (tunnel_waits(m) || integrated_chosen(m)) return false;
  return seen.missing("a display device of vendor 10de in /sys/bus/pci/devices")
      .fact("p:cuda.cuInit", "0")
      .fact("p:virt")
      .found();
}

bool no_module(const Machine& m, Seen& seen) {
  if (!card_without_module(m) || m.module_for("*")) return false;
  show_card(m, seen);
  return seen.missing("nvidia.ko for any kernel in /lib/modules").fact("p:cuda.cuInit", "0").found();
}

bool nouveau(const Machine& m, Seen& seen) {
  if (m.wsl() || !bound_to(m, {"nouveau", "nova", "nova_core", "nova-core", "nova_drm"}) ||
      m.works("cuda") == Works::yes)
    return false;
  show_card(m, seen);
  return seen.line("f:/proc/modules", "nouveau").line("k:dmesg", "probe routine was not called").found();
}

bool passed_through(const Machine& m, Seen& seen) {
  if (m.wsl() || !bound_to(m, {"vfio-pci", "pci-stub", "vfio_pci"}) || m.works("cuda") == Works::yes) return false;
  show_card(m, seen);
  return seen.line("f:/proc/cmdline", "vfio-pci.ids").found();
}

std::string secure_boot_key(const Machine& m) {
  std::string state = lower(m.facts.text("p:secureboot"));
  if (contains(state, "enabled") || is_yes(state)) return "p:secureboot";
  std::string lockdown = m.facts.text("f:/sys/kernel/security/lockdown");
  if (contains(lockdown, "[integrity]") || contains(lockdown, "[confidentiality]"))
    return "f:/sys/kernel/security/lockdown";
  for (const std::string& key : m.facts.matching("f:/sys/firmware/efi/efivars/SecureBoot-*"))
    if (std::string value(m.facts.text(key)); is_yes(value) || value.ends_with('\1')) return key;
  return {};
}

// Where somebody keeps the module from loading: a fact, or nothing.
std::string kept_out_by(const Machine& m) {
  for (const char* pattern : {"f:/etc/modprobe.d/*", "f:/run/modprobe.d/*"})
    for (const std::string& key : m.facts.matching(pattern))
      for (const std::string& line : lines(m.facts.text(key))) {
        auto words = parts(line, " \t");
        bool names = words.size() > 1 && words[0] != "#" && words[1] == "nvidia";
        if (names &&
            (words[0] == "blacklist" || words[0] == "install" || (words[0] == "alias" && words.back() == "off")))
          return key;
      }
  const std::string command = m.facts.text("f:/proc/cmdline");
  for (const std::string& word : parts(command, " \n"))
    if (contains(word, "blacklist=") && contains(word, "nvidia")) return "f:/proc/cmdline";
  if (trimmed(m.facts.text("f:/proc/sys/kernel/modules_disabled")) == "1") return "f:/proc/sys/kernel/modules_disabled";
  return {};
}

bool signature_refused(const Machine& m) {
  if (m.logged(messages_of("NV-04")) || !m.told(messages_of("NV-04")).empty()) return true;
  bool is_signed = is_yes(m.facts.text("p:module.signed"));
  for (const std::string& line : lines(m.facts.text("c:modinfo")))
    is_signed = is_signed || (line.starts_with("signer:") && !trimmed(line.substr(7)).empty());
  return !secure_boot_key(m).empty() && kept_out_by(m).empty() && !is_signed;
}

bool unsigned_module(const Machine& m, Seen& seen) {
  bool here = m.linux_host() && m.has_gpu(vendor::nvidia) && m.module_for(m.kernel) && !m.module_loaded();
  if (!here || bound_to(m, {"nouveau", "vfio-pci", "pci-stub"}) || !m.cuda_fails() || !signature_refused(m))
    return false;
  if (!logged(m, seen, "NV-04")) told_of(m, seen, "NV-04");
  seen.fact(secure_boot_key(m)).fact("p:module.signed", "yes").line("c:modinfo", "signer", "an enrolled key");
  return seen.facts(m.facts.matching("f:/lib/modules/" + m.kernel + "/*nvidia.ko*"), "signed with an enrolled key")
      .found();
}

// The log of a build that was tried for the running kernel and failed.
std::string failed_build(const Machine& m) {
  for (const std::string& key : m.facts.matching("f:/var/lib/dkms/nvidia*/make.log")) {
    const std::string text = m.facts.text(key);
    size_t names = text.find("for kernel ");
    bool other = names != std::string::npos && !m.kernel.empty() &&
                 !std::string_view(text).substr(names + 11).starts_with(m.kernel);
    if (!other &&
        (contains_any_case(text, "error:") || contains_any_case(text, "error 1") || contains_any_case(text, "error 2")))
      return key;
  }
  for (const std::string& key : m.facts.matching("c:dkms*")) {
    if (holds_any(m.facts.text(key), messages_of("NV-06"))) return key;
    for (const std::string& line : lines(m.facts.text(key)))
      if (line.starts_with("nvidia") && contains(line, m.kernel) && contains(line, ": added")) return key;
  }
  return {};
}

bool build_failed(const Machine& m, Seen& seen) {
  std::string log = failed_build(m);
  if (!card_without_module(m) || log.empty() || m.module_for(m.kernel)) return false;
  return seen.line(log, "error", "a build without errors")
      .fact("f:/proc/sys/kernel/osrelease")
      .missing("nvidia.ko for kernel " + m.kernel)
      .found();
}

bool module_for_other_kernel(const Machine& m, Seen& seen) {
  if (!card_without_module(m) || m.kernel.empty() || !m.module_for("*") || m.module_for(m.kernel) ||
      !failed_build(m).empty())
    return false;
  seen.facts(m.facts.matching("f:/lib/modules/*/*nvidia.ko*"), "one for kernel " + m.kernel);
  return seen.fact("f:/proc/sys/kernel/osrelease").fact("c:dkms").missing("nvidia.ko for kernel " + m.kernel).found();
}

bool not_loaded(const Machine& m, Seen& seen) {
  if (!card_without_module(m) || m.kernel.empty() || !m.module_for(m.kernel) || signature_refused(m) ||
      integrated_chosen(m))
    return false;
  if (std::string key = kept_out_by(m); !key.empty()) seen.line(key, "nvidia", "no such line");
  return seen.facts(m.facts.matching("f:/lib/modules/" + m.kernel + "/*nvidia.ko*"))
      .missing("nvidia in /proc/modules")
      .found();
}

bool integrated_graphics(const Machine& m, Seen& seen) {
  if (!m.linux_host() || !integrated_chosen(m) || m.module_loaded() || m.works("cuda") == Works::yes) return false;
  for (const char* pattern :
       {"c:prime*", "c:supergfx*", "f:/proc/acpi/bbswitch", "f:/etc/prime-discrete", "f:/lib/modprobe.d/*nvidia*"})
    seen.facts(m.facts.matching(pattern), "a mode with the NVIDIA GPU on");
  return seen.fact("p:cuda.cuInit", "0").found();
}

bool external_gpu(const Machine& m, Seen& seen) {
  if (!m.linux_host() || m.has_gpu(vendor::nvidia) || !tunnel_waits(m) || m.works(m.want) == Works::yes) return false;
  return seen.facts(m.facts.matching("f:/sys/bus/thunderbolt/devices/*/authorized"), "1")
      .fact("c:boltctl")
      .missing("a GPU on the PCI bus")
      .found();
}

bool versions_differ(const Machine& m, Seen& seen) {
  if (!m.linux_host() || !m.module_version || m.from_folder("p:cuda.path", "compat") ||
      m.from_folder("p:cuda.path", "stubs"))
    return false;
  std::string cuda = m.loaded_cuda(), nvml = "f:" + m.facts.text("p:nvml.path");
  auto differs = [&](const std::string& key) { return m.version_of(key) && m.version_of(key) != m.module_version; };
  bool another_fits = false;
  for (const std::string& key : m.cuda_libraries())
    another_fits = another_fits || (key != cuda && m.version_of(key) == m.module_version);
  bool fails = m.cuda_fails() || m.code("p:nvml.init") == 18L;
  if (!(differs(cuda) || differs(nvml)) || another_fits || !fails) return false;
  seen.fact(m.module_version_key);
  if (differs(cuda)) seen.fact(cuda, "the version of the loaded module");
  if (differs(nvml)) seen.fact(nvml, "the version of the loaded module");
  return seen.line("k:dmesg", "API mismatch").fact("p:nvml.init", "0").fact("p:cuda.cuInit", "0").found();
}

bool nodes_missing(const Machine& m, Seen& seen) {
  if (!m.linux_host() || m.service || m.slurm || !m.module_loaded() || !m.nvidia_nodes().empty() || !m.cuda_fails())
    return false;
  if (!m.has_gpu(vendor::nvidia)) return false;
  return seen.facts(m.facts.matching("f:/proc/driver/nvidia/gpus/*/information"))
      .line("f:/proc/driver/nvidia/params", "ModifyDeviceFiles", "1")
      .fact("p:cuda.cuInit", "0")
      .missing("/dev/nvidiactl")
      .found();
}

bool uvm_missing(const Machine& m, Seen& seen) {
  auto control = m.device("/dev/nvidiactl");
  bool node = m.facts.has("n:/dev/nvidia-uvm");
  bool module = m.modules.empty() || m.modules.contains("nvidia_uvm") || !m.modules.contains("nvidia");
  auto code = m.code("p:cuda.cuInit");
  if (m.wsl() || m.tegra || !control || !control->opens() || (node && module) || !code || *code == 0) return false;
  if (!node) seen.missing("/dev/nvidia-uvm");
  if (!module) seen.missing("nvidia_uvm in /proc/modules");
  return seen.fact("n:/dev/nvidiactl").fact("p:cuda.cuInit", "0").fact("p:nvml.init").found();
}

bool permission(const Machine& m, Seen& seen) {
  for (const std::string& key : m.facts.matching("n:/dev/nvidia*")) {
    auto device = node(m.facts.text(key));
    if (m.wsl() || !device || device->open != "EACCES" || device->everybody_may()) continue;
    seen.fact(key, "mode 0666, or this user in its group").fact("i:uid").fact("i:groups");
    return seen.line("f:/proc/driver/nvidia/params", "DeviceFileMode", "438 (0666)").fact("p:nvml.init").found();
  }
  return false;
}

bool tegra(const Machine& m, Seen& seen) {
  if (!m.tegra || m.works("cuda") == Works::yes || !m.wants({"cuda"})) return false;
  return seen.fact("f:/etc/nv_tegra_release")
      .fact("f:/proc/device-tree/compatible")
      .facts(m.facts.matching("n:/dev/nvmap"), "open=ok")
      .fact("p:cuda.cuInit", "0")
      .found();
}

}  // namespace

const std::vector<Check> nvidia_module_checks = {
    {"NV-42", 10, Severity::blocked, Layer::driver, tegra},
    {"NV-08", 30, Severity::blocked, Layer::driver, versions_differ},
    {"NV-22", 37, Severity::blocked, Layer::device, permission},
    {"NV-21", 38, Severity::blocked, Layer::driver, uvm_missing},
    {"NV-32", 39, Severity::blocked, Layer::driver, integrated_graphics},
    {"NV-38", 39, Severity::blocked, Layer::device, external_gpu},
    {"NV-01", 40, Severity::blocked, Layer::device, no_card},
    {"NV-03", 42, Severity::blocked, Layer::driver, nouveau},
    {"NV-19", 42, Severity::blocked, Layer::driver, passed_through},
    {"NV-04", 44, Severity::blocked, Layer::driver, unsigned_module},
    {"NV-05", 45, Severity::blocked, Layer::driver, module_for_other_kernel},
    {"NV-06", 45, Severity::blocked, Layer::driver, build_failed},
    {"NV-20", 46, Severity::blocked, Layer::driver, nodes_missing},
    {"NV-07", 47, Severity::blocked, Layer::driver, not_loaded},
    {"NV-02", 50, Severity::blocked, Layer::driver, no_module},
};

}  // namespace outboard::doctor
