// The files whose content is a fact.
#include "doctor/probes/watched.h"

#include <algorithm>
#include <array>

#include "doctor/probes/reading.h"
#include "doctor/probes/library.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr Watched table[] = {
    {"kernel", "/proc/version", Kind::text},
    {"kernel", "/proc/sys/kernel/osrelease", Kind::text},
    {"kernel", "/proc/sys/kernel/modules_disabled", Kind::text},
    {"kernel", "/proc/sys/vm/overcommit_memory", Kind::text},
    {"kernel", "/proc/modules", Kind::text},
    {"kernel", "/proc/devices", Kind::text},
    {"kernel", "/proc/cmdline", Kind::text},
    {"kernel", "/proc/uptime", Kind::text},
    {"kernel", "/proc/iomem", Kind::gpu_lines},
    {"kernel", "/proc/acpi/bbswitch", Kind::text},
    {"kernel", "/sys/kernel/security/lockdown", Kind::text},
    {"kernel", "/sys/fs/selinux/enforce", Kind::text},
    {"kernel", "/sys/power/suspend_stats/success", Kind::text},
    {"kernel", "/sys/module/nvidia*/version", Kind::text},
    {"kernel", "/sys/module/amdgpu/version", Kind::text},
    {"kernel", "/sys/module/nvidia_drm/parameters/modeset", Kind::text},
    {"kernel", "/sys/class/dmi/id/sys_vendor", Kind::text},
    {"kernel", "/sys/class/dmi/id/product_name", Kind::text},
    {"kernel", "/sys/class/dmi/id/chassis_asset_tag", Kind::text},
    {"kernel", "/sys/class/dmi/id/bios_version", Kind::text},
    {"kernel", "/sys/class/drm/card*/device/vendor", Kind::text},
    {"kernel", "/sys/bus/thunderbolt/devices/*/authorized", Kind::text},
    {"kernel", "/sys/bus/vmbus/devices", Kind::presence},
    {"process", "/proc/self/status", Kind::limits},
    {"process", "/proc/self/limits", Kind::limits},
    {"process", "/proc/self/cgroup", Kind::text},
    {"process", "/proc/self/mounts", Kind::text},
    {"process", "/proc/self/attr/current", Kind::text},
    {"process", "/proc/self/maps", Kind::maps},
    {"process", "/proc/1/cgroup", Kind::text},
    {"process", "/proc/1/mounts", Kind::first_mounts},
    {"process", "/proc/1/environ", Kind::container},
    {"system", "/etc/os-release", Kind::text},
    {"system", "/etc/ld.so.conf", Kind::text},
    {"system", "/etc/ld.so.conf.d/*", Kind::text},
    {"system", "/etc/ld.so.preload", Kind::text},
    {"system", "/etc/ld-musl-*.path", Kind::text},
    {"system", "/lib/ld-musl-*.so.1", Kind::library},
    {"system", "/etc/modprobe.d/*.conf", Kind::gpu_lines},
    {"system", "/run/modprobe.d/*.conf", Kind::gpu_lines},
    {"system", "/lib/modprobe.d/*.conf", Kind::gpu_lines},
    {"system", "/usr/lib/modprobe.d/*.conf", Kind::gpu_lines},
    {"system", "/etc/prime-discrete", Kind::text},
    {"system", "/etc/nv_tegra_release", Kind::text},
    {"system", "/proc/device-tree/compatible", Kind::text},
    {"system", "/proc/acpi/nvidia", Kind::presence},
    {"system", "/tmp/nvidia-mps", Kind::presence},
    {"system", "/tmp/nvidia-mps/control", Kind::presence},
    {"system", "/opt/rocm/.info/version", Kind::text},
    {"packages", "/var/lib/dpkg/status", Kind::packages},
    {"nvidia", "/proc/driver/nvidia/version", Kind::text},
    {"nvidia", "/proc/driver/nvidia/params", Kind::text},
    {"nvidia", "/proc/driver/nvidia/gpus/*/information", Kind::text},
    {"nvidia", "/proc/driver/nvidia/capabilities/gpu*/mig/gi*/access", Kind::text},
    {"nvidia", "/lib/firmware/nvidia/*/gsp_*.bin*", Kind::firmware},
    {"nvidia", "/var/lib/dkms/nvidia/*/build/make.log", Kind::end},
    {"nvidia", "/var/log/fabricmanager.log", Kind::end},
    {"wsl", "/etc/wsl.conf", Kind::text},
    {"wsl", "/proc/sys/fs/binfmt_misc/WSLInterop*", Kind::text},
    {"wsl", "/usr/lib/wsl/lib/*", Kind::library},
    {"containers", "/.dockerenv", Kind::empty},
    {"containers", "/run/.containerenv", Kind::text},
    {"containers", "/run/systemd/container", Kind::text},
    {"containers", "/.flatpak-info", Kind::text},
    {"containers", "/.singularity.d/libs/lib*", Kind::library},
    {"containers", "/snap/docker/*/meta/snap.yaml", Kind::text},
    {"containers", "/snap/docker/*/bin/docker", Kind::library},
    {"containers", "/etc/docker/daemon.json", Kind::text},
    {"containers", "/etc/nvidia-container-runtime/config.toml", Kind::text},
    {"containers", "/etc/containerd/config.toml", Kind::gpu_lines},
    {"containers", "/etc/cdi/*.yaml", Kind::text},
    {"containers", "/etc/cdi/*.json", Kind::text},
    {"containers", "/run/cdi/*.yaml", Kind::text},
    {"containers", "/run/cdi/*.json", Kind::text},
    {"containers", "/var/run/cdi/*.yaml", Kind::text},
    {"containers", "/var/run/cdi/*.json", Kind::text},
    {"containers", "/var/lib/snapd/lib/gl/lib*", Kind::library},
};

constexpr size_t largest_packages = 64 << 20;

template <size_t count>
bool names_one_of(std::string_view line, const std::array<const char*, count>& words) {
  std::string low = lower(line);
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return contains(low, word); });
}

constexpr std::array drivers = {"nvidia",   "nouveau",  "nova_core", "amdgpu", "radeon",   "i915",   "vfio",
                                "pci-stub", "bbswitch", "dxgkrnl",   "efifb",  "simplefb", "vesafb", "[runtime"};
constexpr std::array packages = {"nvidia",     "cuda",      "rocm",     "hip-runtime", "intel-opencl",
                                 "level-zero", "libopencl", "ocl-icd",  "mesa-",       "libgl1-mesa",
                                 "libvulkan",  "libnccl",   "libcudnn", "hsa-"};

constexpr std::array limits = {"seccomp:", "nonewprivs:", "capeff:", "max address space", "max locked memory"};

template <size_t count>
std::string lines_with(std::string_view text, const std::array<const char*, count>& words) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(text))
    if (!trim(line).starts_with('#') && names_one_of(line, words)) kept.emplace_back(trim(line));
  return join(kept, "\n");
}

// "55d0c000-55d0d000 r-xp 00000000 08:01 42 /usr/lib/libvgpu.so": each library once.
std::string libraries_in(std::string_view maps) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(maps)) {
    size_t at = line.find('/');
    if (at == std::string::npos || !contains(line, ".so")) continue;
    std::string path = line.substr(at);
    if (std::find(kept.begin(), kept.end(), path) == kept.end()) kept.push_back(path);
  }
  return join(kept, "\n");
}

// "Package: NAME\nStatus: ...\nVersion: ..." for each package of the status file that has to do with GPUs.
std::string gpu_packages(std::string_view status) {
  std::vector<std::string> kept;
  bool wanted = false;
  for (size_t at = 0; at < status.size();) {
    size_t end = std::min(status.find('\n', at), status.size());
    std::string_view line = status.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("Package: ")) wanted = names_one_of(line, packages);
    bool told = line.starts_with("Package: ") || line.starts_with("Status: ") || line.starts_with("Version: ");
    if (wanted && told) kept.emplace_back(line);
  }
  return join(kept, "\n");
}

void say_text(const std::string& key, std::string text, Kind kind, Sink& sink) {
  while (text.ends_with('\n') || text.ends_with('\0')) text.pop_back();
  if (kind == Kind::text) std::replace(text.begin(), text.end(), '\0', ' ');  // the device tree's lists
  if (!is_text(text)) return sink.unknown(key, "it is no text");
  if (kind == Kind::gpu_lines) text = lines_with(text, drivers);
  if (kind == Kind::limits) text = lines_with(text, limits);
  if (kind == Kind::maps) text = libraries_in(text);
  if (kind == Kind::packages) text = gpu_packages(text);
  if (text.empty() && (kind == Kind::gpu_lines || kind == Kind::packages)) return;
  sink.set(key, text);
}

void say_container(const std::string& key, std::string_view environment, Sink& sink) {
  for (const std::string& variable : split(environment, '\0'))
    if (variable.starts_with("container=")) sink.set(key, variable);
}

// The first process is root's: most users may not look at it, and mostly it does not matter. Where systemd runs,
// /run/systemd/container says the same as its environment; its mounts are asked for where the driver store is not among
// ours.
bool told_elsewhere(const Place& place, Kind kind) {
  if (kind == Kind::container) return is_directory(place, "/run/systemd/system");
  if (kind != Kind::first_mounts) return false;
  return !is_wsl(place) || contains(read(place, "/proc/self/mounts").text, " /usr/lib/wsl/drivers ");
}

}  // namespace

std::span<const Watched> watched() { return table; }

void say_file(const Place& place, const std::string& path, Kind kind, Sink& sink) {
  std::string key = "f:" + path;
  if (kind == Kind::library) return say_library(place, path, sink);
  if (kind == Kind::link) {
    std::string target = link_target(place, path);
    std::string name = target.empty() ? word(place, path) : target.substr(target.rfind('/') + 1);
    if (!name.empty()) sink.set(key, name);
    return;
  }
  if (kind == Kind::presence || kind == Kind::empty) {
    if (is_there(place, path)) sink.set(key, kind == Kind::empty ? "" : "there");
    return;
  }
  Reading reading = kind == Kind::end        ? read_end(place, path, 32 << 10)
                    : kind == Kind::packages ? read(place, path, largest_packages)
                                             : read(place, path);
  if (reading.state == State::absent) return;
  if (reading.state == State::unreadable && told_elsewhere(place, kind)) return;
  if (reading.state == State::unreadable) return sink.unknown(key, reading.why);
  if (kind == Kind::firmware) return sink.set(key, reading.text.empty() ? "" : "fw");
  if (kind == Kind::container) return say_container(key, reading.text, sink);
  if (!reading.whole && kind != Kind::end) return sink.unknown(key, "it is too large to be what it should be");
  say_text(key, std::move(reading.text), kind, sink);
}

void watch(std::string_view subject, const Place& place, Sink& sink) {
  for (const Watched& row : table) {
    if (subject != row.subject) continue;
    Found found = find(place, row.pattern);
    for (const Reading& directory : found.unreadable) sink.unknown("f:" + directory.text + "/*", directory.why);
    for (const std::string& path : found.paths) say_file(place, path, row.kind, sink);
  }
}

}  // namespace outboard::doctor::probes
