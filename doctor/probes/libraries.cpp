// The libraries of drivers and loaders of GPU APIs, wherever they lie; and which one the dynamic loader would take.
#include <fnmatch.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <set>

#include "doctor/probes/reading.h"
#include "doctor/probes/library.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

// Where drivers are put beside the loader's own folders.
constexpr std::array known_folders = {"/usr/lib/i386-linux-gnu",
                                      "/usr/lib32",
                                      "/usr/local/cuda*/compat",
                                      "/usr/local/cuda*/lib64/stubs",
                                      "/usr/local/cuda*/targets/*/lib/stubs",
                                      "/usr/local/nvidia/lib",
                                      "/usr/local/nvidia/lib64",
                                      "/usr/lib/nvidia*",
                                      "/usr/lib64/nvidia*",
                                      "/usr/lib/x86_64-linux-gnu/nvidia/current",
                                      "/usr/lib/aarch64-linux-gnu/tegra",
                                      "/usr/lib/aarch64-linux-gnu/nvidia",
                                      "/run/opengl-driver/lib",
                                      "/usr/lib/x86_64-linux-gnu/GL/nvidia-*/lib",
                                      "/usr/lib/x86_64-linux-gnu/dri",
                                      "/usr/lib/aarch64-linux-gnu/dri",
                                      "/usr/lib64/dri",
                                      "/usr/lib/dri",
                                      "/opt/rocm*/lib",
                                      "/usr/local/lib"};
constexpr std::array names = {
    "libcuda.so*",          "libnvidia-ml.so*",  "libnvidia-opencl.so*", "libnvidia-ptxjitcompiler.so*",
    "libGLX_nvidia.so*",    "libEGL_nvidia.so*", "libOpenCL.so*",        "libvulkan.so*",
    "libvulkan_*.so",       "libEGL.so.1",       "libGLX.so.0",          "libEGL_mesa.so.0",
    "libGLX_mesa.so.0",     "libdxcore.so",      "libd3d12.so",          "libd3d12core.so",
    "d3d12_dri.so",         "swrast_dri.so",     "libgallium*.so",       "libamdhip64.so*",
    "libhsa-runtime64.so*", "librocdxg.so*",     "libze_loader.so*",     "libze_intel_gpu.so*",
    "libX11.so.6",          "libXext.so.6",      "libvgpu.so*"};
// What programs ask for by name.
constexpr std::array asked = {"libcuda.so.1",   "libcuda.so",           "libnvidia-ml.so.1", "libOpenCL.so.1",
                              "libvulkan.so.1", "libEGL.so.1",          "libGL.so.1",        "libdxcore.so",
                              "libamdhip64.so", "libnvidia-opencl.so.1"};

template <size_t count>
bool is_one_of(const std::string& name, const std::array<const char*, count>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const char* pattern) { return fnmatch(pattern, name.c_str(), 0) == 0; });
}

// Every folder once, by its true name: /lib is /usr/lib on most machines.
std::set<std::string> folders(const Place& place, const Loader& loader, const std::string& machine, Sink& sink) {
  std::set<std::string> found;
  auto add = [&](const std::string& folder) {
    if (folder.starts_with('/') && is_directory(place, folder)) found.insert(canonical(place, folder, true));
  };
  for (const std::string& folder : loader.library_path()) add(folder);
  // Where a parent's libraries lie, which sudo or a service has lost.
  constexpr std::string_view variable = "LD_LIBRARY_PATH=";
  for (const std::string& lost : lost_variables(place).variables)
    if (lost.starts_with(variable))
      for (const std::string& folder : split(lost.substr(variable.size()), ':')) add(folder);
  for (const CacheEntry& entry : loader.cache())
    if (is_one_of(entry.name, names)) add(entry.path.substr(0, entry.path.rfind('/')));
  for (const std::string& folder : Loader::system_folders(64, machine)) add(folder);
  for (const char* pattern : known_folders) {
    Found matching = find(place, pattern, 64);
    for (const Reading& folder : matching.unreadable) sink.unknown("f:" + folder.text + "/*", folder.why);
    for (const std::string& folder : matching.paths) add(folder);
  }
  return found;
}

void say_resolved(const Place& place, const Loader& loader, const std::string& machine, Sink& sink) {
  Asker asker = {sizeof(void*) * 8, machine, false, {}, {}};
  for (const char* name : asked) {
    Resolved resolved = loader.resolve(name, asker);
    sink.set("p:resolve." + std::string(name), in_true_folder(place, resolved.path));
    if (resolved.path.empty()) sink.set("p:resolve.why." + std::string(name), resolved.why);
    std::vector<std::string> all;  // each file once
    for (const std::string& path : resolved.candidates) {
      std::string true_path = in_true_folder(place, path);
      if (std::find(all.begin(), all.end(), true_path) == all.end()) all.push_back(true_path);
    }
    if (all.size() > 1) sink.set("p:resolve.all." + std::string(name), join(all, "\n"));
  }
}

void say_cache(const Loader& loader, Sink& sink) {
  if (!loader.cache_problem().empty()) sink.unknown("p:ldcache", "/etc/ld.so.cache: " + loader.cache_problem());
  std::vector<std::string> kept;
  for (const CacheEntry& entry : loader.cache())
    if (is_one_of(entry.name, names)) kept.push_back(as_text(entry.name + " => " + entry.path));
  sink.set("p:ldcache", join(kept, "\n"));
}

}  // namespace

void probe_libraries(const Place& place, Sink& sink) {
  utsname machine = {};
  uname(&machine);
  Loader loader(place);
  say_cache(loader, sink);
  say_resolved(place, loader, machine.machine, sink);
  for (const std::string& folder : folders(place, loader, machine.machine, sink)) {
    if (folder.starts_with("/usr/lib/wsl/")) continue;  // others read these
    Listing listing = list(place, folder);
    if (listing.state == State::unreadable) sink.unknown("f:" + folder + "/*", listing.why);
    for (const std::string& name : listing.names)
      if (is_one_of(name, names)) say_library(place, folder + "/" + name, sink);
  }
}

void probe_driver_store(const Place& place, Sink& sink) {
  const std::string store = "/usr/lib/wsl/drivers";
  // Windows keeps a thousand drivers here: only those of GPUs are looked into (NVIDIA, Intel, AMD, Qualcomm).
  constexpr std::array gpu_folders = {"nv*.inf_*", "iigd*.inf_*", "igd*.inf_*", "ki*.inf_*",  "cui*.inf_*",
                                      "u0*.inf_*", "c0*.inf_*",   "amd*.inf_*", "qcdx*.inf_*"};
  constexpr std::array files = {"lib*.so*", "nvidia-smi", "nvcubins.bin"};
  constexpr size_t most_folders = 24, most_files = 64;
  Listing folders = list(place, store);
  if (folders.state == State::unreadable) return sink.unknown("f:" + store + "/*", folders.why);
  Loader loader(place);
  std::string missing;
  size_t looked_into = 0;
  for (const std::string& folder : folders.names) {
    if (!is_one_of(folder, gpu_folders) || ++looked_into > most_folders) continue;
    Listing listing = list(place, store + "/" + folder);
    if (listing.state == State::unreadable) sink.unknown("f:" + store + "/" + folder + "/*", listing.why);
    size_t told = 0;
    for (const std::string& name : listing.names) {
      if (!is_one_of(name, files) || ++told > most_files) continue;
      std::string path = store + "/" + folder + "/" + name;
      say_library(place, path, sink);
      if (missing.empty() && !name.starts_with("libnvidia") && name.find(".so") != std::string::npos)
        missing = loader.first_missing(path, 64);
    }
  }
  if (looked_into > 0) sink.set("p:umd.missing", missing);
}

}  // namespace outboard::doctor::probes
