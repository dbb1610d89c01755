// The table of mends, and what each would change.
#include "doctor/mend.h"

#include <fstream>
#include <sstream>

#include "doctor/cause.h"
#include "doctor/machine.h"
#include "doctor/registry.h"

namespace outboard::doctor {

namespace {

constexpr std::string_view vulkan_manifest =
    "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"libGLX_nvidia.so.0\", \"api_version\": "
    "\"1.3\"}}\n";
constexpr std::string_view egl_manifest =
    "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"libEGL_nvidia.so.0\"}}\n";

std::optional<std::string> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

FileChange write(const Workshop& workshop, const std::string& path, std::string_view text) {
  return {path, contents(workshop.root + path), std::string(text), false};
}

// A settings file without the lines of one name; nothing where it has none.
std::optional<FileChange> without_line(const Workshop& workshop, const std::string& path, std::string_view name) {
  auto before = contents(workshop.root + path);
  if (!before) return std::nullopt;
  std::string after;
  std::istringstream in(*before);
  for (std::string line; std::getline(in, line);) {
    std::string key(trimmed(std::string_view(line).substr(0, line.find('='))));
    bool dropped = line.find('=') != std::string::npos && lower(key) == lower(name);
    if (!dropped) after += line + "\n";
  }
  if (after == *before) return std::nullopt;
  return FileChange{path, before, after, false};
}

using Made = std::optional<Mend>;

Made tell_the_loader(const Facts&, const Workshop& workshop) {
  return Mend{"",
              "Tells the dynamic loader where WSL's libraries are.",
              {write(workshop, "/etc/ld.so.conf.d/ld.wsl.conf", "/usr/lib/wsl/lib\n")},
              {"ldconfig"},
              {"ldconfig"}};
}

Made from_wslconfig(const Workshop& workshop, std::string_view name) {
  if (workshop.windows_profile.empty()) return std::nullopt;
  auto change = without_line(workshop, workshop.windows_profile + "/.wslconfig", name);
  if (!change) return std::nullopt;
  return Mend{"",
              "Removes " + std::string(name) + " from .wslconfig; it counts after wsl --shutdown, in Windows.",
              {*change},
              {},
              {}};
}
Made gpu_support(const Facts&, const Workshop& workshop) { return from_wslconfig(workshop, "gpuSupport"); }
Made safe_mode(const Facts&, const Workshop& workshop) { return from_wslconfig(workshop, "safeMode"); }

Made link_nvidia_smi(const Facts&, const Workshop&) {
  return Mend{"",
              "Puts nvidia-smi where every shell finds it.",
              {{"/usr/local/bin/nvidia-smi", std::nullopt, "/usr/lib/wsl/lib/nvidia-smi", true}},
              {},
              {}};
}

Made vulkan(const Facts& facts, const Workshop& workshop) {
  if (workshop.home.empty() || !facts.any("f:*/libGLX_nvidia.so.0")) return std::nullopt;
  return Mend{"",
              "Names NVIDIA's Vulkan driver for you alone.",
              {write(workshop, workshop.home + "/.local/share/vulkan/icd.d/nvidia_icd.json", vulkan_manifest)},
              {},
              {}};
}

Made egl(const Facts&, const Workshop& workshop) {
  return Mend{"",
              "Names NVIDIA's EGL driver.",
              {write(workshop, "/etc/glvnd/egl_vendor.d/10_nvidia.json", egl_manifest)},
              {},
              {}};
}

Made opencl(const Facts& facts, const Workshop& workshop) {
  if (!facts.any("f:*/libnvidia-opencl.so.1")) return std::nullopt;
  return Mend{"",
              "Names NVIDIA's OpenCL driver.",
              {write(workshop, "/etc/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1\n")},
              {},
              {}};
}

Made load_uvm(const Facts& facts, const Workshop&) {
  if (facts.has("f:/.dockerenv") || facts.has("n:/dev/nvidia-uvm")) return std::nullopt;
  return Mend{"", "Loads the module nvidia-uvm.", {}, {"modprobe", "nvidia-uvm"}, {"modprobe", "-r", "nvidia-uvm"}};
}

Made cdi(const Facts& facts, const Workshop& workshop) {
  const std::string path = "/etc/cdi/nvidia.yaml";
  Machine machine(facts);
  Mend mend{"", "Writes the CDI specification anew.", {}, {"nvidia-ctk", "cdi", "generate", "--output=" + path}, {}};
  if (machine.wsl()) mend.command.push_back("--mode=wsl");
  // The command writes the file; the change records what it held, so that undo brings that back.
  auto before = contents(workshop.root + path);
  mend.files.push_back({path, before, before, false});
  return mend;
}

// A value of Windows' registry. Changed by Windows' own program, through interop.
Mend registry(const Step& step, const Finding& finding) {
  const RegistryValue& value = *registry_value(step.setting);
  std::string before;
  for (const Evidence& item : finding.evidence)
    if (item.key == "w:rdp." + step.setting) before = item.value;
  return Mend{"",
              step.say +
                  " Windows allows it in a terminal that was started as administrator; to take it back by hand: " +
                  undo_of(step, finding),
              {},
              set_words(value),
              undo_words(value, before)};
}

struct Row {
  const char* id;
  Made (*plan)(const Facts&, const Workshop&);
};

const Row rows[] = {
    {"WSL-06", gpu_support},
    {"WSL-07", safe_mode},
    {"WSL-19", tell_the_loader},
    {"WSL-21", link_nvidia_smi},
    {"LIB-09", opencl},
    {"LIB-12", opencl},
    {"LIB-13", vulkan},
    {"LIB-17", egl},
    {"NV-21", load_uvm},
    {"DOCK-03", cdi},
    {"DOCK-11", cdi},
    {"DOCK-20", cdi},
    {"DOCK-23", cdi},
};

std::string marked(const std::string& text, char mark) {
  std::string out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out += std::string(1, mark) + line + "\n";
  return out;
}

}  // namespace

std::optional<Mend> mend_for(const Finding& finding, const Facts& facts, const Workshop& workshop) {
  for (const Row& row : rows)
    if (finding.check->id == row.id)
      if (Made mend = row.plan(facts, workshop)) {
        mend->id = row.id;
        return mend;
      }
  for (const Step& step : cause(finding.check->id).fix)
    if (registry_value(step.setting)) {
      Mend mend = registry(step, finding);
      mend.id = finding.check->id;
      return mend;
    }
  return std::nullopt;
}

std::string diff(const Mend& mend) {
  std::string out = mend.what + "\n";
  for (const FileChange& file : mend.files) {
    if (file.before == file.after) continue;
    out += "--- " + (file.before ? file.path : "/dev/null") + "\n+++ " + file.path + "\n";
    if (file.link) {
      out += "+(symbolic link) -> " + file.after.value_or("") + "\n";
      continue;
    }
    // Small files: all old lines, then all new ones, without what both begin and end with.
    auto old_lines = lines(file.before.value_or("")), new_lines = lines(file.after.value_or(""));
    size_t first = 0;
    while (first < old_lines.size() && first < new_lines.size() && old_lines[first] == new_lines[first]) ++first;
    size_t last = 0;
    while (last + first < old_lines.size() && last + first < new_lines.size() &&
           old_lines[old_lines.size() - 1 - last] == new_lines[new_lines.size() - 1 - last])
      ++last;
    for (size_t at = first; at + last < old_lines.size(); ++at) out += marked(old_lines[at], '-');
    for (size_t at = first; at + last < new_lines.size(); ++at) out += marked(new_lines[at], '+');
  }
  if (!mend.command.empty()) {
    out += "run:";
    for (const std::string& word : mend.command) out += " " + word;
    out += "\n";
  }
  return out;
}

}  // namespace outboard::doctor
