// The files that tell OpenCL, Vulkan and EGL loaders which drivers there are, those that variables name instead, and
// the libraries that they name.
#include <algorithm>
#include <array>
#include <sys/utsname.h>

#include "doctor/probes/reading.h"
#include "doctor/probes/library.h"
#include "doctor/probes/probes.h"
#include "doctor/probes/watched.h"

namespace outboard::doctor::probes {

namespace {

// Vulkan loader, LoaderDriverInterface.md; GLVND, src/EGL/icd_enumeration.md; OpenCL ICD extension.
constexpr std::array patterns = {"/etc/OpenCL/vendors/*.icd",
                                 "/usr/share/OpenCL/vendors/*.icd",
                                 "/etc/vulkan/icd.d/*.json",
                                 "/usr/share/vulkan/icd.d/*.json",
                                 "/usr/local/share/vulkan/icd.d/*.json",
                                 "/usr/local/etc/vulkan/icd.d/*.json",
                                 "/run/opengl-driver/share/vulkan/icd.d/*.json",
                                 "/usr/share/vulkan/implicit_layer.d/*.json",
                                 "/etc/vulkan/implicit_layer.d/*.json",
                                 "/usr/share/glvnd/egl_vendor.d/*.json",
                                 "/etc/glvnd/egl_vendor.d/*.json"};
// Variables that name files, or folders of files, in place of those.
constexpr std::array variables = {"VK_ICD_FILENAMES",
                                  "VK_DRIVER_FILES",
                                  "VK_ADD_DRIVER_FILES",
                                  "OCL_ICD_VENDORS",
                                  "OCL_ICD_FILENAMES",
                                  "OPENCL_VENDOR_PATH",
                                  "__EGL_VENDOR_LIBRARY_FILENAMES",
                                  "__EGL_VENDOR_LIBRARY_DIRS"};

// The library that a manifest names: a line of an .icd, "library_path" of a .json.
std::string named_library(const std::string& path, const std::string& text) {
  if (path.ends_with(".icd")) return std::string(trim(text.substr(0, text.find('\n'))));
  size_t at = text.find("\"library_path\"");
  at = at == std::string::npos ? at : text.find(':', at);
  at = at == std::string::npos ? at : text.find('"', at);
  if (at == std::string::npos) return "";
  return text.substr(at + 1, text.find('"', at + 1) - at - 1);
}

class Manifests {
 public:
  Manifests(const Place& place, Sink& sink) : place_(place), sink_(sink), loader_(place) {
    utsname names = {};
    uname(&names);
    asker_ = {sizeof(void*) * 8, names.machine, false, {}, {}};
  }

  void say(const std::string& path) {
    say_file(place_, path, Kind::text, sink_);
    Reading reading = read(place_, path, 65536);
    if (reading.state != State::there || !is_text(reading.text)) return;
    std::string library = named_library(path, reading.text);
    if (library.empty() || library.size() > 4096) return;
    if (library.starts_with('/')) return say_library(place_, library, sink_);
    if (library.find('/') != std::string::npos)  // relative to the manifest
      return say_library(place_, canonical(place_, path.substr(0, path.rfind('/') + 1) + library, false), sink_);
    Resolved resolved = loader_.resolve(library, asker_);
    sink_.set("p:resolve." + library, in_true_folder(place_, resolved.path));
    if (resolved.path.empty()) return sink_.set("p:resolve.why." + library, resolved.why);
    say_library(place_, in_true_folder(place_, resolved.path), sink_);
    std::string missing = loader_.first_missing(resolved.path, 128);
    if (!missing.empty()) sink_.set("p:needs." + library, missing);
  }

  void say_folder(const std::string& folder) {
    for (const char* end : {"/*.json", "/*.icd"}) {
      Found found = find(place_, folder + end);
      for (const Reading& each : found.unreadable) sink_.unknown("f:" + each.text + "/*", each.why);
      for (const std::string& path : found.paths) say(path);
    }
  }

 private:
  const Place& place_;
  Sink& sink_;
  Loader loader_;
  Asker asker_;
};

}  // namespace

void probe_manifests(const Place& place, Sink& sink) {
  Manifests manifests(place, sink);
  for (const char* pattern : patterns) {
    Found found = find(place, pattern);
    for (const Reading& folder : found.unreadable) sink.unknown("f:" + folder.text + "/*", folder.why);
    for (const std::string& path : found.paths) manifests.say(path);
  }
  std::vector<std::string> homes = split(place.variable("XDG_DATA_DIRS"), ':');
  std::string home = place.variable("HOME");
  if (home.starts_with('/')) homes.insert(homes.end(), {home + "/.local/share", home + "/.config"});
  for (const char* name : {"XDG_DATA_HOME", "XDG_CONFIG_HOME"})
    if (place.variable(name).starts_with('/')) homes.push_back(place.variable(name));
  for (const std::string& folder : homes)
    if (folder != "/usr/share" && folder != "/usr/local/share") manifests.say_folder(folder + "/vulkan/icd.d");
  for (const char* name : variables)
    for (const std::string& path : split(place.variable(name), ':')) {
      if (!path.starts_with('/')) continue;
      if (is_directory(place, path))
        manifests.say_folder(path);
      else
        manifests.say(path);
    }
}

}  // namespace outboard::doctor::probes
