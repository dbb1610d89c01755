// Who and where we are: user, groups, machine, C library; the container or virtual machine around us.
#include <grp.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "doctor/probes/command.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

std::string group_names(const Place& place) {
  std::vector<gid_t> numbers(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  if (getgroups(static_cast<int>(numbers.size()), numbers.data()) < 0) numbers.clear();
  std::vector<std::string> names = {name_of(place, "/etc/group", getegid())};
  for (gid_t number : numbers)
    if (number != getegid()) names.push_back(name_of(place, "/etc/group", number));
  return join(names, " ");
}

// The banner that glibc's library prints when it is run holds "stable release version 2.36.".
std::string glibc_version(const Place& place, const std::string& path) {
  Mapped file(place, path);
  std::string_view bytes = file.bytes();
  size_t at = bytes.find("GNU C Library");
  at = at == std::string_view::npos ? at : bytes.find("version ", at);
  if (at == std::string_view::npos) return "";
  std::string_view rest = bytes.substr(at + 8, 16);
  std::string version(rest.substr(0, rest.find_first_not_of("0123456789.")));
  if (version.ends_with('.')) version.pop_back();
  return version;
}

std::string musl_version(const Place& place, const std::string& path) {
  if (!place.real()) return "";
  Output output = run_command(place, {path}, milliseconds(500));  // prints "Version 1.2.5" and how it is used
  size_t at = output.err.find("Version ");
  return at == std::string::npos ? "" : output.err.substr(at + 8, output.err.find('\n', at) - at - 8);
}

std::string c_library_of(const Place& place, const std::string& machine) {
  for (const std::string& folder : Loader::system_folders(sizeof(void*) * 8, machine)) {
    std::string version = glibc_version(place, folder + "/libc.so.6");
    if (!version.empty()) return "glibc " + version;
  }
  Found musl = find(place, "/lib/ld-musl-*.so.1");
  if (musl.paths.empty()) return "";
  std::string version = musl_version(place, musl.paths[0]);
  return version.empty() ? "musl" : "musl " + version;
}

struct Sign {
  const char* part;
  const char* name;
};

std::string named(std::string_view text, std::span<const Sign> signs) {
  for (const Sign& sign : signs)
    if (contains(text, sign.part)) return sign.name;
  return "";
}

// The innermost container, as the files that engines leave behind tell it.
std::string container(const Place& place) {
  static constexpr std::array<Sign, 8> in_cgroup = {{{"kubepods", "kubernetes"},
                                                     {"docker", "docker"},
                                                     {"libpod", "podman"},
                                                     {"containerd", "containerd"},
                                                     {"crio-", "kubernetes"},
                                                     {"lxc.payload", "lxc"},
                                                     {"/lxc/", "lxc"},
                                                     {"machine.slice", "systemd-nspawn"}}};
  std::string version = word(place, "/proc/version");
  if (contains(version, "gVisor")) return "gvisor";
  if (!place.variable("KUBERNETES_SERVICE_HOST").empty() || is_there(place, "/var/run/secrets/kubernetes.io"))
    return "kubernetes";
  if (is_there(place, "/.dockerenv")) return "docker";
  if (is_there(place, "/run/.containerenv")) return "podman";
  for (const std::string& variable : split(read(place, "/proc/1/environ").text, '\0'))
    if (variable.starts_with("container=") && variable.size() > 10) return as_text(variable.substr(10));
  std::string said = word(place, "/run/systemd/container");
  if (!said.empty() && said != "wsl") return said;
  return named(word(place, "/proc/1/cgroup"), in_cgroup);
}

// Intel SDM 3A, CPUID: bit 31 of ECX of leaf 1; Microsoft's and KVM's documents: leaf 0x40000000.
std::string hypervisor_of_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  static constexpr std::array<Sign, 8> makers = {{{"KVMKVMKVM", "kvm"},
                                                  {"Microsoft Hv", "microsoft"},
                                                  {"VMwareVMware", "vmware"},
                                                  {"XenVMMXenVMM", "xen"},
                                                  {"TCGTCGTCGTCG", "qemu"},
                                                  {"bhyve", "bhyve"},
                                                  {"VBoxVBoxVBox", "oracle"},
                                                  {"prl hyperv", "parallels"}}};
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & 1u << 31) == 0) return "none";
  __cpuid(0x40000000, a, b, c, d);
  std::array<unsigned, 3> words = {b, c, d};
  std::array<char, 13> maker = {};
  std::memcpy(maker.data(), words.data(), 12);
  std::string name = named(maker.data(), makers);
  return name.empty() ? "vm-other" : name;
#else
  return "none";
#endif
}

std::string machine_around(const Place& place) {
  static constexpr std::array<Sign, 13> makers = {{{"Firecracker", "firecracker"},
                                                   {"Kata", "kata"},
                                                   {"QEMU", "kvm"},
                                                   {"KVM", "kvm"},
                                                   {"OpenStack", "kvm"},
                                                   {"VMware", "vmware"},
                                                   {"innotek", "oracle"},
                                                   {"VirtualBox", "oracle"},
                                                   {"Amazon EC2", "amazon"},
                                                   {"Google", "google"},
                                                   {"Xen", "xen"},
                                                   {"Apple Virtualization", "apple"},
                                                   {"Parallels", "parallels"}}};
  std::string release = word(place, "/proc/sys/kernel/osrelease");
  // Firecracker's recommended kernels are named so ("6.1.90-fc"); they have no DMI.
  if (release.ends_with("-fc") || contains(release, "-fc-") || contains(word(place, "/proc/version"), "-fc "))
    return "firecracker";
  std::string maker = word(place, "/sys/class/dmi/id/sys_vendor");
  std::string product = word(place, "/sys/class/dmi/id/product_name");
  if (maker == "Microsoft Corporation") return product == "Virtual Machine" ? "microsoft" : "none";
  if (maker == "Amazon EC2" && product.ends_with(".metal")) return "none";
  std::string name = named(maker + " " + product, makers);
  if (!name.empty()) return name;
  return place.real() ? hypervisor_of_cpu() : "none";
}

}  // namespace

bool is_wsl(const Place& place) {
  std::string version = word(place, "/proc/version") + " " + word(place, "/proc/sys/kernel/osrelease");
  // A kernel of one's own has another name; what WSL's init leaves behind tells then.
  return contains(version, "microsoft-standard") || contains(version, "-Microsoft") ||
         !find(place, "/proc/sys/fs/binfmt_misc/WSLInterop*").paths.empty() || is_there(place, "/run/WSL") ||
         place.environment.contains("WSL_DISTRO_NAME");
}

void probe_identity(const Place& place, Sink& sink) {
  utsname names = {};
  uname(&names);
  sink.set("i:uid", std::to_string(geteuid()));
  sink.set("i:groups", group_names(place));
  sink.set("i:arch", names.machine);
  std::string library = c_library_of(place, names.machine);
  if (library.empty())
    sink.unknown("i:libc", "neither glibc nor musl is where it usually is");
  else
    sink.set("i:libc", library);
}

void probe_virtualization(const Place& place, Sink& sink) {
  std::string inner = container(place);
  if (is_wsl(place)) {  // WSL is told by its kernel; what is inside it is told here
    if (!inner.empty()) sink.set("p:virt", inner);
    return;
  }
  std::string outer = machine_around(place);
  // A micro virtual machine is made of a container's image and keeps that engine's marks: what it is decides.
  bool micro = outer == "firecracker" || outer == "kata";
  sink.set("p:virt", inner.empty() || micro ? outer : inner);
  if (micro && !inner.empty()) sink.set("p:virt.image", inner);
  sink.set("p:virt.vm", outer);
}

}  // namespace outboard::doctor::probes
