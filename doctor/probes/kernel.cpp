// The kernel: its log, its configuration, the modules built for it, Secure Boot.
#include <sys/klog.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "doctor/probes/command.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr size_t most_log_lines = 400;
constexpr std::array log_words = {"NVRM",
                                  "nvidia",
                                  "NVIDIA",
                                  "Xid",
                                  "nouveau",
                                  "nova",
                                  "amdgpu",
                                  "radeon",
                                  "kfd",
                                  "i915",
                                  "[drm",
                                  "apparmor=\"DENIED\"",
                                  "avc:",
                                  "ockdown",
                                  "dxgk",
                                  "dxg:",
                                  "gVisor",
                                  "vfio",
                                  "module verification",
                                  "unsigned module",
                                  "simpledrm",
                                  "efifb",
                                  "thunderbolt",
                                  "ConfigApplyWindowsLibPath",
                                  "Nvidia"};

// "6,339,5140900,-;NVRM: loading" (/dev/kmsg) or "<6>[    5.140900] NVRM: loading" (syslog(2)) without what is before
// it.
std::string_view message_of(std::string_view line) {
  size_t semicolon = line.find(';');
  if (semicolon != line.npos && line.substr(0, semicolon).find_first_not_of("0123456789,-c") == line.npos)
    return line.substr(semicolon + 1);
  if (line.starts_with('<')) line.remove_prefix(std::min(line.find('>') + 1, line.size()));
  if (line.starts_with('[') && line.find("] ") != line.npos) line.remove_prefix(line.find("] ") + 2);
  return line;
}

void say_log(std::string_view log, Sink& sink) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(as_text(log))) {
    auto told = [&](const char* word) { return contains(line, word); };
    if (std::any_of(log_words.begin(), log_words.end(), told)) kept.emplace_back(message_of(line));
  }
  if (kept.size() > most_log_lines) kept.erase(kept.begin(), kept.end() - most_log_lines);
  sink.set("k:dmesg", join(kept, "\n"));
}

// syslog(2): 10 is the size of the buffer, 3 reads it whole without clearing it.
bool say_own_log(Sink& sink) {
  int size = klogctl(10, nullptr, 0);
  std::string log(static_cast<size_t>(std::max(size, 0)), '\0');
  int read = size > 0 ? klogctl(3, log.data(), size) : -1;
  if (read < 0) return false;
  log.resize(static_cast<size_t>(read));
  say_log(log, sink);
  return true;
}

// CONFIG_NAME=y as "y"; what is not set or not named, "n".
void say_options(std::string_view config, Sink& sink) {
  for (const char* name : {"DXGKRNL", "HSA_AMD", "DRM_AMDGPU", "MODULE_SIG_FORCE"}) {
    std::string value = "n", start = "CONFIG_" + std::string(name) + "=";
    for (const std::string& line : lines(config))
      if (line.starts_with(start)) value = line.substr(start.size());
    sink.set("p:kconfig." + std::string(name), value);
  }
}

std::string decompress_zstd(std::string_view bytes) {
  unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > (512u << 20)) return "";
  std::string whole(size, '\0');
  size_t made = ZSTD_decompress(whole.data(), whole.size(), bytes.data(), bytes.size());
  return ZSTD_isError(made) ? "" : whole;
}

// The module's ELF file; empty when it is packed in a way that only a command can undo.
std::string module_bytes(const Place& place, const std::string& path, const std::string& release) {
  Mapped file(place, path);
  if (path.ends_with(".zst")) return decompress_zstd(file.bytes());
  bool ours = contains(path, "/" + release + "/");  // unpacking takes a second: for the running kernel's alone
  if (!ours && !path.ends_with(".ko")) return "";
  if (path.ends_with(".xz"))
    return run_command(place, {"xz", "-dc", below(place, path)}, milliseconds(1200), 512 << 20).out;
  if (path.ends_with(".gz"))
    return run_command(place, {"gzip", "-dc", below(place, path)}, milliseconds(1200), 512 << 20).out;
  return std::string(file.bytes());
}

// "version=550.90.07" among the texts of .modinfo (Linux, include/linux/module.h).
std::string module_version(std::string_view module) {
  for (const std::string& entry : split(elf_section(module, ".modinfo"), '\0'))
    if (entry.starts_with("version=")) return entry.substr(8);
  return "";
}

void say_module(const Place& place, const std::string& path, const std::string& release, Sink& sink) {
  std::string module = module_bytes(place, path, release);
  std::string version = module_version(module);
  sink.set("f:" + path, version.empty() ? "ko" : "ko " + as_text(version));
  bool ours = contains(path, "/" + release + "/") && contains(path, "/nvidia.ko");
  // Linux, scripts/sign-file.c: a signed module ends with this line.
  if (ours && !module.empty())
    sink.set("p:module.signed", module.ends_with("~Module signature appended~\n") ? "yes" : "no");
}

}  // namespace

void probe_kernel_log(const Place& place, Sink& sink) {
  if (!place.real()) {
    Reading reading = read_end(place, "/dev/kmsg", 4 << 20);
    if (reading.state == State::there) return say_log(reading.text, sink);
    if (reading.state == State::unreadable) sink.unknown("k:dmesg", reading.why);
    return;
  }
  if (say_own_log(sink)) return;
  std::string why = error_sentence(errno);
  Output journal = run_command(place, {"journalctl", "-k", "-b", "-q", "--no-pager", "-o", "cat", "-n", "5000"},
                               milliseconds(1000), 8 << 20);
  if (journal.ran && journal.exit == 0 && !journal.out.empty()) return say_log(journal.out, sink);
  sink.unknown("k:dmesg", "the kernel's log may not be read (" + why + "); root or a member of group adm may");
}

void probe_kernel_config(const Place& place, Sink& sink) {
  std::string release = word(place, "/proc/sys/kernel/osrelease");
  for (const std::string& path : {"/boot/config-" + release, "/lib/modules/" + release + "/config"}) {
    Reading reading = read(place, path, 4 << 20);
    if (reading.state == State::there && contains(reading.text, "CONFIG_")) return say_options(reading.text, sink);
  }
  if (!is_there(place, "/proc/config.gz"))
    return sink.unknown("p:kconfig.*", "this kernel does not show its configuration");
  Output output = run_command(place, {"gzip", "-dc", below(place, "/proc/config.gz")}, milliseconds(1000), 8 << 20);
  if (!output.ran || output.exit != 0)
    return sink.unknown("p:kconfig.*", output.ran ? "/proc/config.gz cannot be unpacked" : output.why);
  say_options(output.out, sink);
}

void probe_kernel_modules(const Place& place, Sink& sink) {
  std::string release = word(place, "/proc/sys/kernel/osrelease");
  for (const char* pattern :
       {"/lib/modules/*/updates/dkms/nvidia.ko*", "/lib/modules/*/updates/nvidia.ko*",
        "/lib/modules/*/extra/nvidia.ko*", "/lib/modules/*/extra/nvidia/nvidia.ko*",
        "/lib/modules/*/kernel/drivers/video/nvidia.ko*", "/lib/modules/*/kernel/nvidia-*/nvidia.ko*",
        "/lib/modules/*/kernel/nvidia*/nvidia.ko*", "/lib/modules/*/weak-updates/nvidia*/nvidia.ko*",
        "/lib/modules/*/updates/dkms/amdgpu.ko*", "/lib/modules/*/updates/dkms/dxgkrnl.ko*",
        "/lib/modules/*/kernel/drivers/hv/dxgkrnl/dxgkrnl.ko*"})
    for (const std::string& path : find(place, pattern, 32).paths) say_module(place, path, release, sink);
  if (!release.empty() && is_there(place, "/lib/modules/" + release + "/build"))
    sink.set("f:/lib/modules/" + release + "/build", "there");
}

void probe_secure_boot(const Place& place, Sink& sink) {
  // UEFI 2.10, section 3.3: a byte after the four bytes of attributes.
  Reading reading = read(place, "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", 64);
  if (reading.state == State::there && reading.text.size() == 5)
    return sink.set("p:secureboot", reading.text[4] == 1 ? "enabled" : "disabled");
  Listing firmware = list(place, "/sys/firmware");
  bool hidden = firmware.state != State::there || firmware.names.empty();
  if (reading.state == State::unreadable || hidden || is_there(place, "/sys/firmware/efi"))
    return sink.unknown("p:secureboot", "the firmware's variables cannot be seen from here");
  sink.set("p:secureboot", "disabled");  // there is no UEFI
}

void probe_topology(const Place& place, Sink& sink) {
  std::vector<std::string> found;
  for (const std::string& path : find(place, "/sys/class/kfd/kfd/topology/nodes/*/properties").paths) {
    for (const std::string& line : lines(word(place, path))) {
      std::vector<std::string> words = split(line, ' ');
      if (words.size() != 2 || words[0] != "gfx_target_version" || words[1] == "0" || words[1].size() > 6) continue;
      // 90010 is gfx90a: version, minor, stepping as hexadecimal digits (Linux, kfd_topology.c).
      if (words[1].find_first_not_of("0123456789") != std::string::npos) continue;
      unsigned number = static_cast<unsigned>(std::stoul(words[1]));
      constexpr const char* digits = "0123456789abcdef";
      found.push_back("gfx" + std::to_string(number / 10000) + digits[number / 100 % 100 % 16] +
                      digits[number % 100 % 16]);
    }
  }
  if (!found.empty()) sink.set("p:kfd.gfx", join(found, " "));
  if (!found.empty()) sink.set("p:kfd.count", std::to_string(found.size()));
  std::vector<std::string> library = split(word(place, "/opt/rocm/.info/version"), '.');
  if (library.size() >= 2) sink.set("p:rocm.lib", library[0] + "." + library[1]);
  std::string module = word(place, "/sys/module/amdgpu/version");
  if (!module.empty()) sink.set("p:rocm.kmd_branch", module.substr(0, module.find('.')));
}

}  // namespace outboard::doctor::probes
