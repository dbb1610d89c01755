// A Windows host's own Remote Desktop: does its session use the GPU, for drawing and for encoding? Made for `outboard
// doctor desktop` alone.
#include <algorithm>

#include "doctor/checks/subjects.h"

namespace outboard::doctor {

namespace {

// Only where the desktop's facts were asked for: a value that nobody looked for is not one that is not set.
bool asked(const Machine& m) { return m.facts.has("w:rdp.asked"); }

std::optional<long> value(const Machine& m, std::string_view name) {
  return number(trimmed(m.facts.text("w:rdp." + std::string(name))));
}
bool is(const Machine& m, std::string_view name, long wanted) { return value(m, name) == wanted; }
bool unset(const Machine& m, std::string_view name) { return m.facts.absent("w:rdp." + std::string(name)); }

bool server(const Machine& m) { return contains_any_case(m.facts.text("w:InstallationType"), "server"); }

bool home(const Machine& m, Seen& seen) {
  if (!asked(m)) return false;
  // EditionID of Home is Core, CoreN, CoreSingleLanguage, CoreCountrySpecific.
  bool core = m.facts.text("w:rdp.EditionID").starts_with("Core");
  if (!core && !contains_any_case(m.facts.text("w:ProductName"), " home")) return false;
  return seen.fact("w:rdp.EditionID", "Professional, Enterprise, Education or a Server").fact("w:ProductName").found();
}

bool switched_off(const Machine& m, Seen& seen) {
  return asked(m) && is(m, "fDenyTSConnections", 1) && seen.fact("w:rdp.fDenyTSConnections", "0").found();
}

bool compute_only(const Machine& m, Seen& seen) {
  auto models = parts(m.facts.text("w:nvsmi.driver_model"));
  bool all_tcc = !models.empty() && std::all_of(models.begin(), models.end(), [](const std::string& model) {
    return contains_any_case(model, "tcc") || contains_any_case(model, "mcdm");
  });
  if (!asked(m) || !all_tcc || m.works("desktop") == Works::yes) return false;
  return seen.fact("w:nvsmi.driver_model", "WDDM").fact("w:rdp.adapters").found();
}

bool software_first(const Machine& m, Seen& seen) {
  if (!asked(m)) return false;
  if (is(m, "bEnumerateHWBeforeSW", 0))
    return seen.fact("w:rdp.bEnumerateHWBeforeSW", "1").fact("w:rdp.adapters").found();
  // Not set, a client takes the hardware and a session host the software adapter (the policy's own words).
  if (!server(m) || !unset(m, "bEnumerateHWBeforeSW") || m.works("desktop") == Works::yes) return false;
  return seen.fact("w:InstallationType")
      .fact("w:rdp.adapters")
      .missing("bEnumerateHWBeforeSW, which a session host needs")
      .found();
}

bool basic_render(const Machine& m, Seen& seen) {
  auto adapters = lines(m.facts.text("w:rdp.adapters"));
  if (!asked(m) || adapters.empty() || !software_renderer(adapters[0])) return false;
  return seen.fact("w:rdp.adapters", "a GPU first").fact("w:gpu.name").fact("w:gpu.problem").found();
}

bool old_display_driver(const Machine& m, Seen& seen) {
  return asked(m) && is(m, "fEnableWddmDriver", 0) && seen.fact("w:rdp.fEnableWddmDriver", "1, or not set").found();
}

bool encoder_not_asked_for(const Machine& m, Seen& seen) {
  if (!asked(m) || is(m, "AVCHardwareEncodePreferred", 1) || m.rdp_encoder == Works::yes) return false;
  seen.fact("w:rdp.AVCHardwareEncodePreferred", "1").line("w:rdp.event170", "", "enabled: 1");
  if (m.rdp_encoder == Works::unknown) seen.is(Surety::possible);
  return seen.missing("AVCHardwareEncodePreferred = 1").found();
}

bool encoder_not_used(const Machine& m, Seen& seen) {
  if (!asked(m) || !is(m, "AVCHardwareEncodePreferred", 1) || m.rdp_encoder != Works::no) return false;
  return seen.fact("w:rdp.event170", "enabled: 1").fact("w:rdp.AVCHardwareEncodePreferred").fact("w:gpu.name").found();
}

bool client_without_avc(const Machine& m, Seen& seen) {
  return asked(m) && m.rdp_avc == Works::no && seen.fact("w:rdp.event162", "AVC available: 1").found();
}

bool thirty_pictures(const Machine& m, Seen& seen) {
  if (!asked(m) || m.facts.why_unknown("w:rdp.DWMFRAMEINTERVAL")) return false;
  auto interval = value(m, "DWMFRAMEINTERVAL");
  if (interval && *interval <= 15) return false;
  if (!interval) seen.missing("DWMFRAMEINTERVAL, without which Windows sends 30 pictures a second at most");
  return seen.fact("w:rdp.DWMFRAMEINTERVAL", "15").found();
}

bool half_colour(const Machine& m, Seen& seen) {
  // 2048 is the full-colour profile; 32768 is HEVC (Microsoft, GPU acceleration for Azure Virtual Desktop).
  bool full = m.rdp_profile == 2048L || m.rdp_profile == 32768L;
  if (!asked(m) || full || (is(m, "AVC444ModePreferred", 1) && !m.rdp_profile) || m.rdp_avc == Works::no) return false;
  if (!m.rdp_profile && m.facts.why_unknown("w:rdp.AVC444ModePreferred")) return false;
  if (unset(m, "AVC444ModePreferred")) seen.missing("AVC444ModePreferred = 1");
  return seen.fact("w:rdp.AVC444ModePreferred", "1").fact("w:rdp.event162", "Initial Profile: 2048").found();
}

bool no_session_yet(const Machine& m, Seen& seen) {
  if (!asked(m) || !m.facts.absent("w:rdp.event170") || !m.facts.absent("w:rdp.event162")) return false;
  return seen.missing("events 170 and 162 of RemoteDesktopServices-RdpCoreTS/Operational").found();
}

}  // namespace

const std::vector<Check> windows_desktop_checks = {
    {"RDP-01", 0, Severity::blocked, Layer::windows, home, "desktop"},
    {"RDP-02", 1, Severity::blocked, Layer::windows, switched_off, "desktop"},
    {"RDP-03", 2, Severity::blocked, Layer::windows, compute_only, "desktop"},
    {"RDP-04", 3, Severity::blocked, Layer::windows, software_first, "desktop"},
    {"RDP-05", 4, Severity::blocked, Layer::windows, basic_render, "desktop"},
    {"RDP-06", 5, Severity::limited, Layer::windows, old_display_driver, "desktop"},
    {"RDP-09", 6, Severity::limited, Layer::program, client_without_avc, "desktop"},
    {"RDP-07", 7, Severity::limited, Layer::windows, encoder_not_asked_for, "desktop"},
    {"RDP-08", 8, Severity::limited, Layer::windows, encoder_not_used, "desktop"},
    {"RDP-10", 9, Severity::limited, Layer::windows, thirty_pictures, "desktop"},
    {"RDP-11", 90, Severity::info, Layer::windows, half_colour, "desktop"},
    {"RDP-12", 91, Severity::info, Layer::windows, no_session_yet, "desktop"},
};

}  // namespace outboard::doctor
