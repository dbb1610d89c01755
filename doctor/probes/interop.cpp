// Windows' folder, its programs, and their ways of printing.
#include "doctor/probes/interop.h"

#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

static std::string system_folder(const Place& place) {
  std::string mount = ini_value(read(place, "/etc/wsl.conf").text, "automount", "root");
  std::erase(mount, '"');
  while (mount.ends_with('/')) mount.pop_back();
  return (mount.empty() ? "/mnt" : mount) + "/c/Windows/System32";
}

std::string program(const Place& place, const std::string& inside, const std::string& name) {
  std::string path = system_folder(place) + "/" + inside;
  return is_there(place, path) ? below(place, path) : name;
}

bool can_ask(const Place& place, const char* keys, Sink& sink) {
  if (!is_wsl(place)) return false;
  bool on = false;
  for (const std::string& path : find(place, "/proc/sys/fs/binfmt_misc/WSLInterop*").paths)
    on |= word(place, path).starts_with("enabled");
  if (!on) sink.unknown(keys, "Windows cannot be asked from here: interop is off or this is a container");
  return on;
}

std::string replace_line_ends(std::string text) {
  for (size_t at = text.find("\\n"); at != std::string::npos; at = text.find("\\n", at + 1))
    text.replace(at, 2, 1, '\n');
  return text;
}

Output run_powershell(const Place& place, const char* script, milliseconds limit) {
  std::string shell = program(place, "WindowsPowerShell/v1.0/powershell.exe", "powershell.exe");
  return run_command(place, {shell, "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", script}, limit);
}

// "    CurrentBuild    REG_SZ    22631". Numbers are hexadecimal there.
RegistryKey query_registry(const Place& place, const std::string& key) {
  RegistryKey result;
  Output output = run_command(place, {program(place, "reg.exe", "reg.exe"), "query", key}, milliseconds(500));
  result.answered = output.ran;
  for (const std::string& line : lines(from_windows(output.out))) {
    size_t type = line.find("REG_");
    if (type == std::string::npos) continue;
    std::string name(trim(line.substr(0, type)));
    size_t space = std::min(line.find(' ', type), line.size());
    std::string value(trim(line.substr(space)));
    if (value.starts_with("0x") && value.size() <= 10 &&
        value.find_first_not_of("0123456789abcdefABCDEF", 2) == value.npos && value.size() > 2)
      value = std::to_string(std::stoul(value.substr(2), nullptr, 16));
    result.values[name] = value;
  }
  return result;
}

}  // namespace outboard::doctor::probes
