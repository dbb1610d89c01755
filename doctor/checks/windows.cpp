// The Windows side of WSL: its version, its GPU drivers, its settings and policies.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

constexpr long first_build_with_gpu = 19044;              // Windows 10 21H2 (Microsoft: GPU compute in WSL)
constexpr long broken_flights[] = {20226, 21327, 21354};  // WSL2-Linux-Kernel#126, WSL#6617, WSL#6773
const Version oldest_wsl_driver = {{471}};                // NVIDIA R470; 455 to 470 were previews
constexpr long oldest_wddm = 2700;                        // adapters below WDDM 2.7 are skipped

bool no_adapters(const Machine& m) {
  return m.says("p:dxg.adapters", "0") || m.says("p:dxcore.nvidia", "0") || m.says("p:dxg.open", "enoent");
}

// The problem codes of the GPUs that were asked for, or of all where the lists do not match up.
std::vector<long> problems(const Machine& m) {
  std::vector<long> codes;
  bool aligned = m.windows_problems.size() == m.windows_vendors.size();
  bool nvidia_only = aligned && m.want == "cuda" && m.windows_has("10DE");
  for (size_t at = 0; at < m.windows_problems.size(); ++at)
    if (!nvidia_only || contains_any_case(m.windows_vendors[at], "10DE"))
      if (auto code = number(m.windows_problems[at]); code && *code != 0) codes.push_back(*code);
  return codes;
}

bool physical_vendor(const Machine& m) {
  return m.windows_has("10DE") || m.windows_has("1002") || m.windows_has("8086");
}

bool basic_display_only(const Machine& m) {
  return !m.windows_gpus.empty() &&
         std::all_of(m.windows_gpus.begin(), m.windows_gpus.end(),
                     [](const std::string& name) { return contains_any_case(name, "basic display"); });
}

// NVIDIA's version in a Windows driver number: 32.0.15.6094 is 560.94.
Version nvidia_version_on_windows(const Machine& m) {
  if (Version version = version_in(m.facts.text("w:nvsmi.driver_version"))) return version;
  Version whole = version_in(m.facts.text("w:gpu.driver"));
  bool nvidia = m.windows_vendors.size() == 1 && m.windows_has("10DE") && !basic_display_only(m);
  if (!nvidia || whole.numbers.size() != 4 || whole.numbers[0] < 20) return {};
  long digits = whole.numbers[2] % 10 * 10000 + whole.numbers[3];
  return {{digits / 100, digits % 100}};
}

bool client_too_old(const Machine& m, Seen& seen) {
  if (!m.wsl2 || !m.windows_build || *m.windows_build >= first_build_with_gpu || m.windows_server) return false;
  if (!m.blocked()) return false;
  seen.fact("w:CurrentBuild", "19044 (21H2) or newer").fact("w:UBR").fact("w:DisplayVersion").fact("c:ver");
  return seen.fact("w:InstallationType").fact("p:dxg.adapters", "1 or more").found();
}

bool server(const Machine& m, Seen& seen) {
  bool tcc = contains_any_case(m.facts.text("w:nvsmi.driver_model"), "tcc");
  if (!m.wsl2 || !m.windows_server || tcc || !no_adapters(m) || !m.blocked() || !problems(m).empty()) return false;
  return seen.fact("w:InstallationType", "Client")
      .fact("w:ProductName")
      .fact("w:CurrentBuild")
      .fact("p:dxg.adapters", "1 or more")
      .fact("p:dxcore.nvidia", "1 or more")
      .found();
}

bool broken_flight(const Machine& m, Seen& seen) {
  bool known = m.windows_build && std::find(std::begin(broken_flights), std::end(broken_flights), *m.windows_build) !=
                                      std::end(broken_flights);
  if (!m.wsl2 || !known || !m.blocked()) return false;
  return seen.fact("w:CurrentBuild", "a build without this regression").fact("p:dxg.open", "ok").found();
}

// Whether the distribution was looked into; where WSL did not start there is nothing to see in it.
bool inside(const Machine& m) { return m.wsl2 && m.facts.any("f:/proc/*"); }

bool switched_off(const Machine& m, Seen& seen) {
  if (!inside(m) || !is_no(m.wsl_setting("wsl2", "gpuSupport")) || m.shares_mounted() || !m.blocked()) return false;
  return seen.line("w:wslconfig", "gpuSupport", "no such line")
      .missing("mounts of /usr/lib/wsl/lib and drivers")
      .found();
}

bool safe_mode(const Machine& m, Seen& seen) {
  if (!inside(m) || !is_yes(m.wsl_setting("wsl2", "safeMode")) || m.shares_mounted() || !m.blocked()) return false;
  return seen.line("w:wslconfig", "safeMode", "no such line").missing("mounts of /usr/lib/wsl/lib and drivers").found();
}

bool no_vendor_driver(const Machine& m, Seen& seen) {
  auto codes = problems(m);
  bool not_installed = std::find(codes.begin(), codes.end(), 28) != codes.end();
  if (!m.wsl() || !m.blocked() || !((basic_display_only(m) && physical_vendor(m)) || not_installed)) return false;
  return seen.fact("w:gpu.name", "the vendor's driver").fact("w:gpu.vendor").fact("w:gpu.problem").found();
}

bool all_tcc(const Machine& m, Seen& seen) {
  const std::string models = m.facts.text("w:nvsmi.driver_model");
  bool all =
      contains_any_case(models, "tcc") && !contains_any_case(models, "wddm") && !contains_any_case(models, "mcdm");
  if (!m.wsl2 || !all || !m.blocked()) return false;
  return seen.fact("w:nvsmi.driver_model", "WDDM or MCDM")
      .fact("w:gpu.name")
      .fact("p:dxcore.nvidia", "1 or more")
      .found();
}

bool mixed_models(const Machine& m, Seen& seen) {
  auto is = [](std::string_view model) {
    return [model](const std::string& each) { return contains_any_case(each, model); };
  };
  auto any = [&](std::string_view model) {
    return std::any_of(m.driver_models.begin(), m.driver_models.end(), is(model));
  };
  if (!m.wsl2 || !any("tcc") || !(any("wddm") || any("mcdm")) || !m.blocked()) return false;
  return seen.fact("w:nvsmi.driver_model", "the same model for every GPU").found();
}

bool driver_too_old(const Machine& m, Seen& seen) {
  Version version = nvidia_version_on_windows(m);
  auto wddm = m.code("p:dxcore.wddm");
  bool old_wddm = wddm && *wddm > 0 && *wddm < oldest_wddm;
  if (!m.wsl2 || !((version && version < oldest_wsl_driver) || old_wddm) || !m.blocked()) return false;
  seen.fact("w:nvsmi.driver_version", "471 (R470) or newer").fact("w:gpu.driver");
  return seen.fact("p:dxcore.wddm", "2700 (WDDM 2.7) or newer").found();
}

bool given_away(const Machine& m) {
  std::string device(trimmed(m.facts.text("w:dda.assignable")));
  return !device.empty() && !is_no(device) && lower(device) != "none";
}

bool disabled(const Machine& m, Seen& seen) {
  auto codes = problems(m);
  if (!m.wsl() || std::find(codes.begin(), codes.end(), 22) == codes.end() || given_away(m) || !m.blocked())
    return false;
  return seen.fact("w:gpu.problem", "0").fact("w:gpu.name").fact("w:gpu.status", "OK").found();
}

bool stopped(const Machine& m, Seen& seen) {
  constexpr long others[] = {22, 28};  // disabled by somebody; no driver
  auto codes = problems(m);
  bool stopped = std::any_of(codes.begin(), codes.end(), [&](long code) {
    return std::find(std::begin(others), std::end(others), code) == std::end(others);
  });
  if (!m.wsl() || !stopped || given_away(m) || !m.blocked()) return false;
  return seen.fact("w:gpu.problem", "0").fact("w:gpu.name").fact("w:gpu.status", "OK").found();
}

bool no_nvidia_now(const Machine& m) {
  return m.wsl2 && m.wants({"cuda"}) && m.windows_vendors_known() && !m.windows_has("10DE") && m.blocked() &&
         !is_yes(m.facts.text("w:hypervisor.vm")) && !m.says("p:dxg.adapters", "0") && !given_away(m);
}

bool discrete_gpu_absent(const Machine& m, Seen& seen) {
  if (!no_nvidia_now(m) || !m.facts.any("f:/usr/lib/wsl/lib/libcuda.so*")) return false;
  return seen.fact("w:gpu.name", "an NVIDIA GPU")
      .fact("w:gpu.vendor")
      .fact("p:dxcore.nvidia", "1 or more")
      .facts(m.facts.matching("f:/usr/lib/wsl/lib/libcuda.so.1"))
      .found();
}

bool arm_guest(const Machine& m) {
  return m.facts.text("i:arch") == "aarch64" || lower(m.facts.text("w:arch")) == "arm64";
}

bool windows_on_arm(const Machine& m, Seen& seen) {
  bool library = m.facts.any("f:/usr/lib/wsl/lib/libcuda.so*");
  if (!m.wsl2 || !m.wants({"cuda"}) || !arm_guest(m) || library || m.windows_has("10DE") || !m.blocked()) return false;
  return seen.fact("i:arch").fact("w:arch").fact("w:gpu.name").missing("/usr/lib/wsl/lib/libcuda.so.1").found();
}

bool never_had_nvidia(const Machine& m, Seen& seen) {
  if (!no_nvidia_now(m) || arm_guest(m) || m.facts.any("f:/usr/lib/wsl/lib/libcuda.so*")) return false;
  return seen.fact("w:gpu.name", "an NVIDIA GPU").fact("w:gpu.vendor").missing("/usr/lib/wsl/lib/libcuda.so.1").found();
}

bool gpu_refused_to_vm(const Machine& m, Seen& seen) { return told_of(m, seen, "WSL-24"); }

bool no_virtualisation(const Machine& m, Seen& seen) {
  return m.told(messages_of("WSL-24")).empty() && told_of(m, seen, "WSL-25");
}

bool policy(const Machine& m, Seen& seen) {
  bool forbids_all = is_no(m.facts.text("w:policy.AllowWSL")) && m.blocked();
  bool forbids_this = (m.wsl1 && is_no(m.facts.text("w:policy.AllowWSL1"))) ||
                      (m.facts.has("w:wsl.last_error") && is_no(m.facts.text("w:policy.AllowInboxWSL")));
  if (!told_of(m, seen, "WSL-26") && !forbids_all && !(forbids_this && m.blocked())) return false;
  return seen.facts(m.facts.matching("w:policy.Allow*WSL*"), "1, or not set").found();
}

bool windows_is_a_vm(const Machine& m, Seen& seen) {
  bool vm = is_yes(m.facts.text("w:hypervisor.vm"));
  if (!m.wsl() || !vm || !m.windows_vendors_known() || physical_vendor(m) || !m.blocked()) return false;
  return seen.fact("w:hypervisor.vm", "no, or a VM that was given a GPU")
      .fact("w:gpu.name")
      .fact("w:gpu.vendor")
      .found();
}

bool assigned_to_vm(const Machine& m, Seen& seen) {
  if (!m.wsl() || !given_away(m) || !m.blocked()) return false;
  return seen.fact("w:dda.assignable", "no GPU in this list").fact("w:gpu.status").found();
}

bool generation_too_old(const Machine& m, Seen& seen) {
  auto capabilities = parts(m.facts.text("w:nvsmi.cc"), "\n,;| ");
  bool all_old =
      !capabilities.empty() && std::all_of(capabilities.begin(), capabilities.end(), [](const std::string& each) {
        Version capability = version_in(each);
        return capability && capability.major() < 6;  // Pascal is 6.x (CUDA on WSL User Guide)
      });
  if (!m.wsl2 || !all_old || !m.blocked()) return false;
  return seen.fact("w:nvsmi.cc", "6.0 (Pascal) or newer").fact("w:gpu.name").found();
}

}  // namespace

const std::vector<Check> windows_checks = {
    {"WSL-24", 0, Severity::blocked, Layer::windows, gpu_refused_to_vm},
    {"WSL-25", 0, Severity::blocked, Layer::windows, no_virtualisation},
    {"WSL-26", 0, Severity::blocked, Layer::windows, policy},
    {"WSL-02", 2, Severity::blocked, Layer::windows, client_too_old},
    {"WSL-05", 3, Severity::blocked, Layer::windows, broken_flight},
    {"WSL-03", 6, Severity::blocked, Layer::windows, server},
    {"WSL-07", 7, Severity::blocked, Layer::windows, safe_mode},
    {"WSL-06", 8, Severity::blocked, Layer::windows, switched_off},
    {"WSL-10", 10, Severity::blocked, Layer::windows, all_tcc},
    {"WSL-11", 11, Severity::blocked, Layer::windows, mixed_models},
    {"WSL-09", 12, Severity::blocked, Layer::windows, no_vendor_driver},
    {"WSL-28", 12, Severity::blocked, Layer::windows, assigned_to_vm},
    {"WSL-13", 13, Severity::blocked, Layer::windows, disabled},
    {"WSL-14", 13, Severity::blocked, Layer::windows, stopped},
    {"WSL-12", 14, Severity::blocked, Layer::windows, driver_too_old},
    {"WSL-27", 15, Severity::blocked, Layer::windows, windows_is_a_vm},
    {"WSL-15", 16, Severity::blocked, Layer::windows, discrete_gpu_absent},
    {"WSL-30", 17, Severity::blocked, Layer::windows, windows_on_arm},
    {"WSL-29", 18, Severity::blocked, Layer::windows, generation_too_old},
    {"WSL-31", 19, Severity::blocked, Layer::windows, never_had_nvidia},
};

}  // namespace outboard::doctor
