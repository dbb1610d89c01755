// Which layers lie between the program and the hardware, and what Windows says where there is one.
#include <algorithm>

#include "doctor/machine.h"

namespace outboard::doctor {

namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// What systemd-detect-virt(1) prints for containers and for machines.
bool names_container(std::string_view virt) {
  return one_of(virt, {"docker", "podman", "container-other", "kubernetes", "lxc", "lxc-libvirt", "systemd-nspawn",
                       "rkt", "openvz", "containerd", "crio"});
}
bool names_machine(std::string_view virt) {
  return one_of(virt, {"kvm", "qemu", "vmware", "oracle", "microsoft", "xen", "amazon", "google", "bhyve", "parallels",
                       "bochs", "uml", "zvm", "acrn", "apple", "vm-other", "powervm", "qnx"});
}

constexpr std::string_view machine_vendors[] = {
    "qemu",      "vmware", "innotek",       "virtualbox",   "xen",     "amazon ec2", "google", "parallels",
    "openstack", "bhyve",  "alibaba cloud", "digitalocean", "hetzner", "nutanix",    "ovirt",  "red hat"};

// The asset tag by which Azure's guests know themselves.
constexpr std::string_view azure_tag = "7783-7084-3265-9085-8269-3286-77";

}  // namespace

// As systemd-detect-virt names it.
std::string Machine::virtualization() const { return lower(trimmed(facts.text("p:virt"))); }

void Machine::find_layers() {
  find_wsl();
  find_containers();
  find_machine();
  const std::string os = facts.text("f:/etc/os-release");
  nixos = contains(os, "ID=nixos");
  musl = facts.text("i:libc").starts_with("musl") || contains(os, "ID=alpine");
}

void Machine::find_wsl() {
  const std::string version = facts.text("f:/proc/version");
  bool microsoft_kernel = contains_any_case(version, "microsoft-standard") || contains(kernel, "microsoft-standard");
  bool wsl1_kernel = contains(version, "-Microsoft") || contains(kernel, "-Microsoft");
  bool signs_of_wsl = facts.has("e:WSL_DISTRO_NAME") || facts.has("e:WSL_INTEROP") || virtualization() == "wsl" ||
                      facts.any("f:/proc/sys/fs/binfmt_misc/WSLInterop*") || facts.any("w:*") ||
                      contains(facts.text("f:/proc/self/mounts"), "/usr/lib/wsl/drivers 9p");
  wsl1 = wsl1_kernel && !microsoft_kernel;
  wsl2 = !wsl1 && (microsoft_kernel || signs_of_wsl);
}

void Machine::find_containers() {
  const std::string virt = virtualization();
  lxc = virt.starts_with("lxc") || contains(facts.text("f:/proc/1/environ"), "container=lxc");
  kubernetes = facts.has("e:KUBERNETES_SERVICE_HOST") || virt == "kubernetes";
  apptainer = facts.any("e:APPTAINER_*") || facts.any("e:SINGULARITY_*");
  flatpak = facts.has("f:/.flatpak-info");
  // Terminals that are snaps hand their SNAP variables to programs that are none; the security label tells.
  const std::string label = facts.text("f:/proc/self/attr/current");
  snap = (facts.has("e:SNAP") || facts.has("e:SNAP_NAME")) && (label.empty() || contains(label, "snap."));
  slurm = facts.has("e:SLURM_JOB_ID");
  docker =
      !lxc && !apptainer && (names_container(virt) || facts.has("f:/.dockerenv") || facts.has("f:/run/.containerenv"));
  container = docker || kubernetes || lxc || apptainer || facts.has("e:container");
  const std::string unit = facts.text("c:systemd.unit");
  service = is_yes(setting("[u]\n" + unit, "u", "PrivateDevices").value_or("")) ||
            (one_of(lower(setting("[u]\n" + unit, "u", "DevicePolicy").value_or("")), {"closed", "strict"}) &&
             !contains(setting("[u]\n" + unit, "u", "DeviceAllow").value_or(""), "nvidia"));

  const std::string version = facts.text("f:/proc/version");
  gvisor = contains_any_case(log, "gVisor") || contains_any_case(version, "gvisor") || virt == "gvisor" ||
           (kernel == "4.4.0" && container && !wsl());
}

void Machine::find_machine() {
  const std::string virt = virtualization();
  const std::string version = facts.text("f:/proc/version");
  const std::string maker = lower(facts.text("f:/sys/class/dmi/id/sys_vendor"));
  const std::string product = lower(facts.text("f:/sys/class/dmi/id/product_name"));
  micro_vm = contains(kernel, "-fc-") || kernel.ends_with("-fc") || contains_any_case(version, "kata") ||
             one_of(virt, {"firecracker", "kata", "cloud-hypervisor"}) || contains(maker, "firecracker") ||
             contains(product, "kata");
  docker_desktop_vm = contains(kernel, "linuxkit") || contains(version, "linuxkit");
  mac = (docker_desktop_vm && facts.text("i:arch") == "aarch64") || virt == "apple" || contains(maker, "apple");
  cloud = contains(maker, "amazon ec2") || contains(maker, "google") || contains(product, "google compute engine") ||
          contains(maker, "alibaba cloud") ||
          contains(facts.text("f:/sys/class/dmi/id/chassis_asset_tag"), azure_tag) ||
          contains_any_case(facts.text("f:/sys/class/dmi/id/bios_version"), "amazon") || virt == "amazon" ||
          virt == "google";
  vm = names_machine(virt) || names_machine(lower(trimmed(facts.text("p:virt.vm")))) || micro_vm || cloud ||
       (maker == "microsoft corporation" && contains(product, "virtual machine"));
  for (std::string_view name : machine_vendors) vm = vm || contains(maker, name);
  vm = vm && !wsl();
  tegra = facts.has("f:/etc/nv_tegra_release") ||
          contains(facts.text("f:/proc/device-tree/compatible"), "nvidia,tegra") ||
          contains(facts.text("f:/sys/firmware/devicetree/base/compatible"), "nvidia,tegra");
}

std::vector<std::string> Machine::layers() const {
  std::vector<std::string> names;
  if (wsl()) names.push_back("Windows");
  if (wsl1) names.push_back("WSL 1");
  if (wsl2) names.push_back("WSL 2");
  if (vm) names.push_back(micro_vm ? "micro-VM" : cloud ? "cloud VM" : "VM");
  if (!wsl() && !vm && !mac) names.push_back("Linux");
  if (mac) names.push_back("macOS");
  if (slurm) names.push_back("Slurm job");
  if (kubernetes) names.push_back("Kubernetes pod");
  if (lxc) names.push_back("LXC container");
  if (apptainer) names.push_back("Apptainer container");
  if (docker && !kubernetes) names.push_back("container");
  if (gvisor) names.push_back("gVisor");
  if (flatpak) names.push_back("Flatpak");
  if (snap) names.push_back("snap");
  if (service) names.push_back("systemd service");
  return names;
}

void Machine::find_windows() {
  windows_build = number(facts.text("w:CurrentBuild"));
  if (!windows_build)  // cmd.exe /c ver: "Microsoft Windows [Version 10.0.19043.1288]"
    if (Version version = version_in(facts.text("c:ver")); version.numbers.size() > 2)
      windows_build = version.numbers[2];
  windows_server = contains_any_case(facts.text("w:InstallationType"), "server") ||
                   contains_any_case(facts.text("w:ProductName"), "server");
  windows_gpus = parts(facts.text("w:gpu.name"), "\n;|");
  windows_vendors = parts(facts.text("w:gpu.vendor"), "\n,;| ");
  windows_problems = parts(facts.text("w:gpu.problem"), "\n,;| ");
  driver_models = parts(facts.text("w:nvsmi.driver_model"), "\n,;| ");
}

bool Machine::windows_has(std::string_view vendor) const {
  return std::any_of(windows_vendors.begin(), windows_vendors.end(),
                     [&](const std::string& each) { return contains_any_case(each, vendor); });
}

std::string Machine::wsl_setting(std::string_view section, std::string_view name) const {
  return setting(facts.text("w:wslconfig"), section, name).value_or("");
}

bool Machine::drivers_mounted() const { return contains(facts.text("f:/proc/self/mounts"), " /usr/lib/wsl/drivers "); }

bool Machine::shares_mounted() const {
  if (facts.has("f:/proc/self/mounts"))
    return drivers_mounted() || contains(facts.text("f:/proc/self/mounts"), " /usr/lib/wsl/lib ");
  return facts.any("f:/usr/lib/wsl/lib/*");
}

}  // namespace outboard::doctor
