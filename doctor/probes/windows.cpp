// The Windows side of WSL, asked through interop: one call of PowerShell for all its facts, nvidia-smi.exe, wsl.exe.
#include <algorithm>
#include <array>
#include <map>

#include "doctor/probes/command.h"
#include "doctor/probes/interop.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/reading.h"

namespace outboard::doctor::probes {

namespace {

constexpr milliseconds interop_time{3000};

// Each line of its output is NAME=VALUE, line ends in values are "\n" in letters. Single quotes only: the words pass
// through two command lines on their way.
constexpr const char* script = R"(
$ErrorActionPreference='SilentlyContinue'
[Console]::OutputEncoding=[Text.Encoding]::UTF8
function say($k,$v){ if($v -ne $null){ $k+'='+(($v|Out-String).Trim() -replace '\r?\n','\n') } }
$c=Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
foreach($n in 'CurrentBuild','UBR','DisplayVersion','InstallationType','ProductName'){ say $n $c.$n }
say 'arch' $(if($env:PROCESSOR_ARCHITEW6432){$env:PROCESSOR_ARCHITEW6432}else{$env:PROCESSOR_ARCHITECTURE})
$p=Get-ItemProperty 'HKLM:\SOFTWARE\Policies\WSL'
foreach($n in $p.PSObject.Properties){ if($n.Name -like 'Allow*'){ say ('policy.'+$n.Name) $n.Value } }
say 'wslconfig' (Get-Content -Raw (Join-Path $env:USERPROFILE '.wslconfig'))
say 'docker.settings' (Get-Content -Raw (Join-Path $env:APPDATA 'Docker\settings-store.json'))
$s=Get-CimInstance Win32_ComputerSystem
say 'computer' ($s.Manufacturer+' '+$s.Model)
if($env:SESSIONNAME -like 'RDP*'){ say 'rdp.session' 'yes' }
foreach($d in Get-CimInstance Win32_PnPEntity -Filter 'PNPClass=''Display'''){
 say 'device' ($d.PNPDeviceID+'|'+$d.Name+'|'+$d.Status+'|'+$d.ConfigManagerErrorCode) }
foreach($v in Get-CimInstance Win32_VideoController){
 say 'driver' ($v.PNPDeviceID+'|'+$v.DriverVersion+'|'+$(if($v.DriverDate){$v.DriverDate.ToString('yyyy-MM-dd')})) }
say 'end' 'yes'
)";

struct Device {
  std::string id, name, status, problem, driver, date, vendor;
};

// "PCI\VEN_10DE&DEV_2484..." is 10DE; devices that are not on the PCI bus have their maker's name in the same place.
std::string vendor_of(const std::string& id) {
  size_t at = id.find("VEN_");
  if (at != std::string::npos) return id.substr(at + 4, id.find_first_of("&\\", at) - at - 4);
  if (contains(lower(id), "vmbus")) return "1414";
  return "";
}

// NVIDIA before AMD before Intel before others.
long order_of(const Device& device) {
  constexpr std::array order = {"10DE", "1002", "8086", "QCOM"};
  return std::find(order.begin(), order.end(), device.vendor) - order.begin();
}

void say_devices(std::vector<Device> devices, Sink& sink) {
  auto earlier = [](const Device& a, const Device& b) { return order_of(a) < order_of(b); };
  std::stable_sort(devices.begin(), devices.end(), earlier);
  struct Column {
    const char* key;
    std::string Device::*field;
  };
  constexpr std::array<Column, 6> columns = {{{"w:gpu.name", &Device::name},
                                              {"w:gpu.vendor", &Device::vendor},
                                              {"w:gpu.status", &Device::status},
                                              {"w:gpu.problem", &Device::problem},
                                              {"w:gpu.driver", &Device::driver},
                                              {"w:gpu.driver_date", &Device::date}}};
  for (const Column& column : columns) {
    std::vector<std::string> values;  // a line for each device; those without a value have none
    for (const Device& device : devices)
      if (!(device.*column.field).empty()) values.push_back(device.*column.field);
    sink.set(column.key, join(values, "\n"));
  }
}

bool is_virtual(const std::string& computer) {
  constexpr std::array signs = {"virtual machine", "vmware", "kvm",       "qemu",      "virtualbox", "amazon ec2",
                                "google compute",  "xen",    "openstack", "parallels", "bochs"};
  std::string low = lower(computer);
  return std::any_of(signs.begin(), signs.end(), [&](const char* sign) { return contains(low, sign); });
}

void say_answer(const std::string& answer, Sink& sink) {
  std::map<std::string, Device> devices;
  std::vector<std::string> ids;
  for (const std::string& line : lines(answer)) {
    size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string name = line.substr(0, equals), value = line.substr(equals + 1);
    std::vector<std::string> parts;  // empty parts count
    for (size_t at = 0; at <= value.size() && parts.size() < 4;) {
      size_t end = std::min(value.find('|', at), value.size());
      parts.push_back(value.substr(at, end - at));
      at = end + 1;
    }
    parts.resize(4);
    if (name == "device") {
      ids.push_back(parts[0]);
      devices[parts[0]] = {parts[0], parts[1], parts[2], parts[3], "", "", vendor_of(parts[0])};
    } else if (name == "driver" && devices.contains(parts[0])) {
      devices[parts[0]].driver = parts[1];
      devices[parts[0]].date = parts[2];
    } else if (name == "computer") {
      sink.set("w:hypervisor.vm", is_virtual(value) ? "yes" : "no");
      sink.set("w:computer", value);
    } else if (name == "docker.settings") {
      std::string settings = lower(value);
      std::erase(settings, ' ');
      if (contains(settings, "\"wslengineenabled\":"))
        sink.set("w:docker.backend", contains(settings, "\"wslengineenabled\":true") ? "wsl2" : "hyper-v");
    } else if (name != "end" && name != "driver") {
      sink.set("w:" + name, replace_line_ends(value));
    }
  }
  std::vector<Device> found;
  for (const std::string& id : ids) found.push_back(devices[id]);
  say_devices(std::move(found), sink);
}

bool say_registry(const Place& place, Sink& sink) {
  struct Key {
    const char* path;
    const char* start;
  };
  constexpr std::array<Key, 2> keys = {
      {{R"(HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion)", ""}, {R"(HKLM\SOFTWARE\Policies\WSL)", "policy."}}};
  constexpr std::array wanted = {"CurrentBuild", "UBR", "DisplayVersion", "InstallationType", "ProductName"};
  bool any = false;
  for (const Key& key : keys) {
    for (const auto& [name, value] : query_registry(place, key.path).values) {
      bool is_policy = *key.start && name.starts_with("Allow");
      bool is_version = !*key.start && std::find(wanted.begin(), wanted.end(), name) != wanted.end();
      if (is_policy || is_version) sink.set("w:" + std::string(key.start) + name, value);
      any |= is_policy || is_version;
    }
  }
  return any;
}

// One value for each GPU, separated by ", ".
std::string column(const std::vector<std::string>& rows, size_t index) {
  std::vector<std::string> values;
  for (const std::string& row : rows) {
    std::vector<std::string> cells = split(row, ',');
    if (index < cells.size()) values.emplace_back(trim(cells[index]));
  }
  return join(values, ", ");
}

}  // namespace

void probe_windows(const Place& place, Sink& sink) {
  if (!can_ask(place, "w:*", sink)) return;
  Output output = run_powershell(place, script, interop_time);
  std::string answer = from_windows(output.out);
  if (contains(answer, "CurrentBuild=")) {
    say_answer(answer, sink);
    if (!contains(answer, "end=yes"))
      sink.unknown("w:gpu.*", "PowerShell on the Windows side did not answer everything");
    return;
  }
  bool registry = say_registry(place, sink);
  Output version;
  if (!registry) version = run_command(place, {program(place, "cmd.exe", "cmd.exe"), "/c", "ver"}, milliseconds(1000));
  if (contains(version.out, "Version")) sink.set("c:ver", std::string(trim(from_windows(version.out))));
  if (registry)
    sink.unknown("w:gpu.*", "PowerShell on the Windows side gave no answer; the registry was read instead");
  else
    sink.unknown("w:*", "no program on the Windows side gave an answer (" +
                            (output.why.empty() ? std::string("powershell.exe printed nothing of use") : output.why) +
                            ")");
}

void probe_windows_nvidia(const Place& place, Sink& sink) {
  if (!can_ask(place, "w:nvsmi.*", sink)) return;
  std::string smi = program(place, "nvidia-smi.exe", "nvidia-smi.exe");
  auto query = [&](const char* fields) {
    return run_command(place, {smi, std::string("--query-gpu=") + fields, "--format=csv,noheader"}, interop_time / 2);
  };
  Output output = query("driver_model.current,driver_version,name,compute_cap");
  if (output.absent) return;  // no NVIDIA driver there
  if (output.ran && output.exit != 0) output = query("driver_model.current,driver_version,name");  // before R510
  std::string text = from_windows(output.out);
  if (!output.ran || output.exit != 0)
    return sink.unknown("w:nvsmi.*", output.ran ? "nvidia-smi.exe failed: " + std::string(trim(text)) : output.why);
  std::vector<std::string> rows;
  for (const std::string& line : lines(text))
    if (contains(line, ",")) rows.push_back(line);
  std::string drivers = column(rows, 1), capabilities = column(rows, 3);
  sink.set("w:nvsmi.driver_model", column(rows, 0));
  sink.set("w:nvsmi.driver_version", drivers.substr(0, drivers.find(',')));
  sink.set("w:nvsmi.name", column(rows, 2));
  if (!capabilities.empty()) sink.set("w:nvsmi.cc", capabilities);
}

void probe_windows_wsl(const Place& place, Sink& sink) {
  if (!can_ask(place, "w:wsl.*", sink)) return;
  Output output = run_command(place, {program(place, "wsl.exe", "wsl.exe"), "--version"}, milliseconds(2000));
  std::string text = from_windows(output.out);
  if (!output.ran) return sink.unknown("w:wsl.version", output.why);
  // The words are in Windows' language; the first line is WSL's version. The inbox wsl.exe knows no --version.
  std::vector<std::string> told = lines(text);
  size_t at = told.empty() ? std::string::npos : told[0].find_first_of("0123456789");
  sink.set("w:wsl.version",
           output.exit == 0 && at != std::string::npos ? std::string(trim(told[0].substr(at))) : "inbox");
}

}  // namespace outboard::doctor::probes
