// The WSL VM and the distribution in it: kernel, device, mounts, libraries.
#include "doctor/checks/subjects.h"

namespace outboard::doctor {

namespace {

const Version oldest_kernel = {{5, 10, 43, 3}};  // Microsoft: GPU compute in WSL; dxgkrnl came with 4.19.121
constexpr std::string_view wsl_library_folder = "/usr/lib/wsl/lib";

bool dxg_missing(const Machine& m) { return !m.facts.has("n:/dev/dxg") || m.says("p:dxg.open", "enoent"); }

bool turned_off_in_settings(const Machine& m) {
  return is_no(m.wsl_setting("wsl2", "gpuSupport")) || is_yes(m.wsl_setting("wsl2", "safeMode")) ||
         is_no(setting(m.facts.text("f:/etc/wsl.conf"), "gpu", "enabled").value_or(""));
}

bool wsl1(const Machine& m, Seen& seen) {
  if (!m.wsl1 || !m.blocked()) return false;
  return seen
      .fact("f:/proc/version", "a kernel named microsoft-standard")

      .missing("/dev/dxg")
      .found();
}

bool kernel_too_old(const Machine& m, Seen& seen) {
  bool stock = contains_any_case(m.kernel, "microsoft-standard");
  bool windows_suffices = !m.windows_build || *m.windows_build >= 19044 || m.windows_server;
  Version version = version_in(m.kernel);
  if (!m.wsl2 || !stock || !version || !(version < oldest_kernel) || !windows_suffices || !m.blocked()) return false;
  return seen.fact("f:/proc/sys/kernel/osrelease", "5.10.43.3 or newer")
      .fact("f:/proc/version")
      .fact("p:dxg.adapters")
      .found();
}

bool custom_kernel(const Machine& m, Seen& seen) {
  bool stock = contains_any_case(m.kernel, "microsoft-standard");
  std::string config = lower(m.facts.text("p:kconfig.DXGKRNL"));
  bool not_loaded = config == "m" && !m.modules.empty() && !m.modules.contains("dxgkrnl");
  if (!m.wsl2 || (stock && config != "n" && !not_loaded) || !dxg_missing(m) || !m.blocked()) return false;
  seen.fact("f:/proc/sys/kernel/osrelease", "...-microsoft-standard-WSL2").line("w:wslconfig", "kernel");
  return seen.fact("p:kconfig.DXGKRNL", "y").missing("/dev/dxg").found();
}

bool distribution_switched_off(const Machine& m, Seen& seen) {
  bool off = is_no(setting(m.facts.text("f:/etc/wsl.conf"), "gpu", "enabled").value_or(""));
  if (!m.wsl2 || !off || m.shares_mounted() || !m.blocked()) return false;
  return seen.line("f:/etc/wsl.conf", "enabled", "enabled=true")
      .missing("mounts of /usr/lib/wsl/lib and drivers")
      .found();
}

// The library that was loaded is a real driver from elsewhere.
bool foreign(const Machine& m, std::string_view path_key) {
  std::string path(trimmed(m.facts.text(path_key)));
  if (path.empty() || path.starts_with("/usr/lib/wsl/")) return false;
  if (m.from_folder(path_key, "stubs") || m.from_folder(path_key, "compat") || m.from_folder(path_key, "outboard"))
    return false;
  const std::string* file = m.facts.find("f:" + path);
  return !file || library(*file).elf;
}

bool linux_driver_in_wsl(const Machine& m, Seen& seen) {
  bool cuda = foreign(m, "p:cuda.path"), nvml = foreign(m, "p:nvml.path");
  bool fails = m.cuda_fails() || m.code("p:nvml.init").value_or(0) != 0;
  if (!m.wsl2 || m.container || !(cuda || nvml) || !fails) return false;
  if (cuda) seen.fact("p:cuda.path", "a file in /usr/lib/wsl/lib");
  if (nvml) seen.fact("p:nvml.path", "a file in /usr/lib/wsl/lib");
  return seen.line("f:/var/lib/dpkg/status", "nvidia").fact("p:cuda.cuInit").fact("p:nvml.init").found();
}

bool not_on_search_path(const Machine& m) {
  bool nvml = m.says("p:nvml.init", "dlopen-failed");
  return m.wsl2 && !m.container && (m.cuda_not_loaded() || nvml) && m.facts.has("f:/usr/lib/wsl/lib/libcuda.so.1") &&
         library(m.facts.text("f:/usr/lib/wsl/lib/libcuda.so.1")).elf && m.facts.text("p:proc.elfclass") != "32" &&
         !m.musl;
}

bool loader_not_told(const Machine& m, Seen& seen) {
  std::string automount = setting(m.facts.text("f:/etc/wsl.conf"), "automount", "ldconfig").value_or("");
  std::string conf = m.facts.text("f:/etc/ld.so.conf.d/ld.wsl.conf");
  bool conf_names_it = contains(conf, wsl_library_folder);
  bool included = !m.facts.has("f:/etc/ld.so.conf") || contains(m.facts.text("f:/etc/ld.so.conf"), "ld.so.conf.d");
  bool failed = contains(m.log, "ConfigApplyWindowsLibPath");
  if (!not_on_search_path(m) || m.nixos || (conf_names_it && included && !failed && !is_no(automount))) return false;
  if (!conf_names_it) seen.missing("/usr/lib/wsl/lib in /etc/ld.so.conf.d/ld.wsl.conf");
  if (!included) seen.fact("f:/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf");
  if (failed) seen.line("k:dmesg", "ConfigApplyWindowsLibPath");
  if (is_no(automount)) seen.line("f:/etc/wsl.conf", "ldconfig", "no such line");
  return seen.fact("p:cuda.cuInit").fact("f:/usr/lib/wsl/lib/libcuda.so.1").found();
}

bool nixos(const Machine& m, Seen& seen) {
  if (!not_on_search_path(m) || !m.nixos) return false;
  return seen.line("f:/etc/os-release", "ID=").fact("f:/usr/lib/wsl/lib/libcuda.so.1").fact("p:cuda.cuInit").found();
}

bool only_path_lacks_it(const Machine& m, Seen& seen) {
  const std::string* path = m.facts.find("e:PATH");
  if (!m.wsl2 || m.container || !path || !m.facts.has("f:/usr/lib/wsl/lib/nvidia-smi")) return false;
  for (const std::string& folder : parts(*path, ":"))
    if (m.facts.has("f:" + folder + "/nvidia-smi")) return false;
  if (m.works("cuda") != Works::yes) return false;
  return seen.fact("e:PATH", "/usr/lib/wsl/lib in it").fact("f:/usr/lib/wsl/lib/nvidia-smi").found();
}

bool store_not_mounted(const Machine& m, Seen& seen) {
  bool loader = m.facts.any("f:/usr/lib/wsl/lib/libcuda.so*");
  bool elsewhere = contains(m.facts.text("f:/proc/1/mounts"), " /usr/lib/wsl/drivers ");
  bool driver = m.facts.any("f:/usr/lib/wsl/drivers/*/libcuda.so.1.1");
  bool mounts_known = m.facts.has("f:/proc/self/mounts");
  if (!m.wsl2 || !loader || !mounts_known || m.drivers_mounted() || (!elsewhere && driver)) return false;
  if (turned_off_in_settings(m) || !m.blocked()) return false;
  return seen.line("f:/proc/1/mounts", "/usr/lib/wsl/drivers")
      .missing("/usr/lib/wsl/drivers in /proc/self/mounts")
      .found();
}

bool store_is_gone(const Machine& m, Seen& seen) {
  std::string store(trimmed(m.facts.text("p:dxcore.store")));
  if (!m.wsl2 || store.empty() || !m.drivers_mounted() || !m.blocked()) return false;
  if (m.facts.any("f:" + store + "/*")) return false;
  return seen.fact("p:dxcore.store", "a folder that exists").missing(store).found();
}

bool node_mode(const Machine& m, Seen& seen) {
  auto node = m.device("/dev/dxg");
  if (!m.wsl2 || !node || node->open != "EACCES" || node->everybody_may()) return false;
  return seen.fact("n:/dev/dxg", "mode 0666").fact("i:uid").found();
}

bool channel_hangs(const Machine& m, Seen& seen) {
  bool hangs = m.says("p:dxg.open", "timeout") || m.says("p:dxg.adapters", "timeout");
  bool all_hang = m.says("p:cuda.cuInit", "timeout") && m.says("p:nvml.init", "timeout");
  if (!m.wsl2 || !(hangs || all_hang)) return false;
  return seen.fact("p:dxg.open", "an answer within 5 s")
      .fact("p:dxg.adapters")
      .fact("p:cuda.cuInit")
      .fact("p:nvml.init")
      .found();
}

bool unsupported_call(const Machine& m, Seen& seen) {
  bool pinned = m.code("p:cuda.last_error") == 2L && contains_any_case(m.facts.text("p:cuda.last_call"), "host");
  if (!m.wsl2 || m.works("cuda") != Works::yes || !(m.code("p:cuda.last_error") == 801L || pinned)) return false;
  return seen.fact("p:cuda.last_error", "a call that CUDA on WSL supports")
      .fact("p:cuda.last_call")
      .fact("p:cuda.cuInit")
      .found();
}

bool nvidia_smi_crashes(const Machine& m, Seen& seen) {
  if (!m.wsl2 || m.works("cuda") != Works::yes) return false;
  for (const char* pattern : {"c:*smi*", "p:*smi*"})
    for (const std::string& key : m.facts.matching(pattern)) {
      const std::string text = m.facts.text(key);
      bool code = trimmed(text) == "139" || holds_any(text, {"exit 139", "exit=139", "code 139"});
      if (code || holds_any(text, {"segmentation fault", "SIGSEGV", "ERR!"}))
        return seen.fact(key).fact("p:cuda.cuInit").found();
    }
  return false;
}

}  // namespace

const std::vector<Check> wsl_checks = {
    {"WSL-01", 1, Severity::blocked, Layer::wsl, wsl1},
    {"WSL-04", 4, Severity::blocked, Layer::wsl, kernel_too_old},
    {"WSL-16", 5, Severity::blocked, Layer::wsl, custom_kernel},
    {"WSL-08", 9, Severity::blocked, Layer::wsl, distribution_switched_off},
    {"WSL-17", 20, Severity::blocked, Layer::library, linux_driver_in_wsl},
    {"WSL-20", 21, Severity::blocked, Layer::library, nixos},
    {"WSL-19", 22, Severity::blocked, Layer::library, loader_not_told},
    {"WSL-22", 24, Severity::blocked, Layer::wsl, store_not_mounted},
    {"WSL-23", 25, Severity::blocked, Layer::wsl, store_is_gone},
    {"WSL-44", 26, Severity::blocked, Layer::wsl, channel_hangs},
    {"WSL-43", 30, Severity::blocked, Layer::wsl, node_mode},
    {"WSL-40", 85, Severity::limited, Layer::program, unsupported_call},
    {"WSL-21", 90, Severity::info, Layer::program, only_path_lacks_it},
    {"WSL-42", 91, Severity::info, Layer::program, nvidia_smi_crashes},
};

}  // namespace outboard::doctor
