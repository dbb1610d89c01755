// Facts that only a command knows: a row for each.
#include <span>
#include <array>

#include "doctor/probes/command.h"
#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

using Filter = std::string (*)(const Output&);

struct Row {
  const char* key;
  bool (*wanted)(const Place&);  // false: it does not apply, and nothing is run
  std::vector<std::string> arguments;
  Filter filter;
};

bool always(const Place&) { return true; }
std::string whole(const Output& output) { return output.exit == 0 ? std::string(trim(as_text(output.out))) : ""; }
std::string even_failed(const Output& output) { return std::string(trim(as_text(output.out + output.err))); }

// "release 12.8" of nvcc's fourth line.
std::string nvcc_release(const Output& output) {
  size_t at = output.out.find("release ");
  return at == std::string::npos ? "" : as_text(output.out.substr(at, output.out.find_first_of(",\n", at) - at));
}

// Licences alone: the whole report is long and holds serial numbers.
std::string licences(const Output& output) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(as_text(output.out)))
    if (contains(line, "vGPU Software Licensed Product") || contains(line, "License Status") ||
        (!kept.empty() && contains(line, "Product Name")))
      kept.push_back(line);
  return kept.size() < 2 ? "" : join(kept, "\n");
}

std::string module_lines(const Output& output) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(as_text(output.out)))
    for (const char* start : {"filename:", "version:", "license:", "signer:", "vermagic:"})
      if (line.starts_with(start)) kept.push_back(line);
  return join(kept, "\n");
}

std::string exit_code(const Output& output) { return std::to_string(output.exit); }

// The state, and what the journal's last lines say when it has failed.
std::string fabric_manager(const Output& output) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(as_text(output.out)))
    if (contains(line, "Active:") || contains(line, "don't match") || contains(line, "fabric manager"))
      kept.emplace_back(trim(line));
  return join(kept, "\n");
}

std::string thunderbolt_states(const Output& output) {
  std::vector<std::string> kept;
  for (const std::string& line : lines(as_text(output.out)))
    if (contains(line, "status:")) kept.emplace_back(trim(line.substr(line.find("status:") + 7)));
  return join(kept, "\n");
}

bool has_nvswitch(const Place& place) { return !find(place, "/dev/nvidia-nvswitch*").paths.empty(); }
bool has_thunderbolt(const Place& place) { return !list(place, "/sys/bus/thunderbolt/devices").names.empty(); }
bool is_virtual_with_nvidia(const Place& place) {
  std::string cpu = read(place, "/proc/cpuinfo", 1 << 20).text;
  return is_there(place, "/proc/driver/nvidia/version") && contains(cpu, "hypervisor");
}
bool is_wsl_with_smi(const Place& place) { return is_there(place, "/usr/lib/wsl/lib/nvidia-smi"); }
bool is_rpm(const Place& place) {
  return is_directory(place, "/var/lib/rpm") || is_directory(place, "/usr/lib/sysimage/rpm");
}
bool in_snap(const Place& place) { return !place.variable("SNAP_NAME").empty(); }

// "/system.slice/myapp.service": the unit that this process runs under; a user's own units are no sandbox.
std::string unit_of(const Place& place) {
  for (const std::string& line : lines(word(place, "/proc/self/cgroup")))
    for (const std::string& part : split(line, '/'))
      if (part.ends_with(".service") && !part.starts_with("user@") && !contains(line, "/user.slice/"))
        return as_text(part);
  return "";
}

void probe_unit(const Place& place, Sink& sink) {
  std::string unit = unit_of(place);
  if (unit.empty()) return;
  std::vector<std::string> arguments = {"systemctl", "show", unit};
  for (const char* name : {"PrivateDevices", "DevicePolicy", "DeviceAllow", "User", "SupplementaryGroups",
                           "MemoryDenyWriteExecute", "LimitAS", "RestrictAddressFamilies"})
    arguments.push_back("--property=" + std::string(name));
  Output output = run_command(place, arguments, milliseconds(1000));
  if (!output.ran || output.exit != 0)
    return sink.unknown("c:systemd.unit", output.ran ? "systemd does not answer" : output.why);
  sink.set("c:systemd.unit", "Unit=" + unit + "\n" + whole(output));
}

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"c:dkms", always, {"dkms", "status"}, whole},
      {"c:nvcc", always, {"nvcc", "--version"}, nvcc_release},
      {"c:docker.context", always, {"docker", "context", "show"}, whole},
      {"c:docker.info",
       always,
       {"docker", "info", "--format",
        "{{.ServerVersion}} {{.OSType}} {{.KernelVersion}} {{range $name, $_ := .Runtimes}}{{$name}} {{end}}"
        "{{range .SecurityOptions}}{{.}} {{end}}"},
       even_failed},
      {"c:podman.version", always, {"podman", "--version"}, whole},
      {"c:nvidia-ctk", always, {"nvidia-ctk", "--version"}, whole},
      {"c:prime-select", always, {"prime-select", "query"}, whole},
      {"c:supergfxctl", always, {"supergfxctl", "-g"}, whole},
      {"c:boltctl", has_thunderbolt, {"boltctl", "list"}, thunderbolt_states},
      {"c:systemctl.fabricmanager",
       has_nvswitch,
       {"systemctl", "status", "--no-pager", "-n", "20", "nvidia-fabricmanager"},
       fabric_manager},
      {"c:fabricmanager.version", has_nvswitch, {"nv-fabricmanager", "--version"}, whole},
      {"c:modinfo", always, {"modinfo", "nvidia"}, module_lines},
      {"c:nvidia-smi.q", is_virtual_with_nvidia, {"nvidia-smi", "-q"}, licences},
      {"p:nvidia-smi.exit", is_wsl_with_smi, {"/usr/lib/wsl/lib/nvidia-smi"}, exit_code},
      {"c:rpm", is_rpm, {"rpm", "-qa", "*nvidia*", "*cuda*", "rocm-*", "intel-opencl*", "mesa-*"}, whole},
      {"c:snap.connections", in_snap, {"snap", "connections"}, whole},
  };
  return table;
}

void probe_row(const Row& row, const Place& place, Sink& sink) {
  if (!row.wanted(place)) return;
  std::vector<std::string> arguments = row.arguments;
  if (arguments[0].starts_with('/')) arguments[0] = below(place, arguments[0]);
  milliseconds limit = std::string_view(row.key).starts_with("p:") || contains(arguments[0], "nvidia-smi")
                           ? milliseconds(4500)
                           : milliseconds(1200);
  Output output = run_command(place, arguments, limit);
  if (output.absent) return;  // nothing is installed that would know
  if (!output.ran) return sink.unknown(row.key, output.why);
  std::string text = row.filter(output);
  if (!text.empty()) sink.set(row.key, text);
}

}  // namespace

std::vector<Probe> command_probes() {
  std::vector<Probe> probes;
  for (const Row& row : rows()) {
    milliseconds limit = contains(row.arguments[0], "nvidia-smi") ? driver_time : usual_time;
    probes.push_back({row.arguments[0].substr(row.arguments[0].rfind('/') + 1) + " " + row.key, row.key, limit,
                      [&row](const Place& place, Sink& sink) { probe_row(row, place, sink); }});
  }
  probes.push_back({"systemd unit", "c:systemd.unit", usual_time, probe_unit});
  return probes;
}

}  // namespace outboard::doctor::probes
