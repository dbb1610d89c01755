// How loaders find a vendor's OpenCL, Vulkan, EGL and GLX: files that name libraries, and variables that redirect.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

// The first of these variables that is set to something.
std::string set_variable(const Machine& m, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names)
    if (std::string key = "e:" + std::string(name); !trimmed(m.facts.text(key)).empty()) return key;
  return {};
}

std::vector<std::string> opencl_files(const Machine& m) { return m.facts.matching("f:/etc/OpenCL/vendors/*.icd"); }

std::string opencl_redirected(const Machine& m) {
  std::string key = set_variable(m, {"OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH", "OCL_ICD_FILENAMES", "OPENCL_LAYERS"});
  std::string value(trimmed(m.facts.text(key)));
  return value.starts_with("/etc/OpenCL/vendors") ? std::string() : key;
}

bool opencl_asked(const Machine& m) { return m.wants({"opencl"}) && m.works("opencl") != Works::yes; }

bool no_opencl_file(const Machine& m, Seen& seen) {
  bool only_intel = m.has_gpu(vendor::intel) && !m.has_gpu(vendor::nvidia) && !m.has_gpu(vendor::amd);
  bool loader = m.facts.any("f:*/libOpenCL.so.1");
  if (!opencl_asked(m) || m.wsl() || m.container || !m.any_gpu() || !opencl_redirected(m).empty()) return false;
  if (!opencl_files(m).empty() && loader) return false;
  if (only_intel && loader) return false;
  if (opencl_files(m).empty()) seen.missing("/etc/OpenCL/vendors/*.icd");
  if (!loader) seen.missing("libOpenCL.so.1");
  return seen.facts(m.facts.matching("f:*/libnvidia-opencl.so.1")).fact("p:cl.platforms", "1 or more").found();
}

// Whether a name in a vendor file or a manifest leads to a library.
bool resolves(const Machine& m, const std::string& name) {
  if (const std::string* found = m.facts.find("p:resolve." + name)) return !trimmed(*found).empty();
  if (name.starts_with('/')) return m.facts.has("f:" + name);
  return m.facts.any("f:*/" + name);
}

bool opencl_file_leads_nowhere(const Machine& m, Seen& seen) {
  if (!opencl_asked(m) || !opencl_redirected(m).empty()) return false;
  for (const std::string& key : opencl_files(m)) {
    auto names = lines(m.facts.text(key));
    bool nvidia_in_wsl = m.wsl() && contains(m.facts.text(key), "nvidia");
    if (names.empty() || nvidia_in_wsl) continue;
    std::string needed(trimmed(m.facts.text("p:needs." + names[0])));
    if (resolves(m, names[0]) && needed.empty()) continue;
    return seen.fact(key, "a library that loads")
        .fact("p:needs." + names[0])
        .missing(needed.empty() ? names[0] : needed)
        .fact("p:cl.platforms", "1 or more")
        .found();
  }
  return false;
}

bool opencl_variable(const Machine& m, Seen& seen) {
  std::string key = opencl_redirected(m);
  if (!opencl_asked(m) || key.empty()) return false;
  return seen.fact(key, "not set").fact("p:cl.platforms", "1 or more").found();
}

bool opencl_file_not_injected(const Machine& m, Seen& seen) {
  auto injected = m.facts.matching("f:*/libnvidia-opencl.so.1");
  if (!opencl_asked(m) || !m.container || m.wsl() || injected.empty() || !opencl_redirected(m).empty()) return false;
  for (const std::string& key : opencl_files(m))
    if (contains(m.facts.text(key), "nvidia")) return false;
  return seen.facts(injected).fact("p:cl.platforms", "1 or more").missing("/etc/OpenCL/vendors/nvidia.icd").found();
}

bool vulkan_asked(const Machine& m) { return m.wants({"vulkan"}) && m.works("vulkan") != Works::yes; }

std::vector<std::string> vulkan_manifests(const Machine& m) { return m.facts.matching("f:*/vulkan/icd.d/*.json"); }

// The words in the names of a vendor's manifests and libraries.
struct VulkanVendor {
  long vendor;
  std::string_view library;
  std::vector<std::string_view> names;
};

bool any_named(const std::vector<std::string>& keys, const std::vector<std::string_view>& names) {
  return std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
    std::string file = lower(key.substr(key.rfind('/') + 1));
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return contains(file, name); });
  });
}

bool no_vulkan_manifest(const Machine& m, Seen& seen) {
  const std::vector<VulkanVendor> vendors = {{vendor::nvidia, "libGLX_nvidia.so*", {"nvidia"}},
                                             {vendor::amd, "libvulkan_radeon.so*", {"radeon", "amd"}},
                                             {vendor::intel, "libvulkan_intel.so*", {"intel"}}};
  if (!vulkan_asked(m) || m.wsl() || !set_variable(m, {"VK_ICD_FILENAMES", "VK_DRIVER_FILES"}).empty()) return false;
  for (const VulkanVendor& each : vendors) {
    auto library = m.facts.matching("f:*/" + std::string(each.library));
    bool mesa_unlisted = each.vendor != vendor::nvidia && vulkan_manifests(m).empty() && !m.container;
    if (!m.has_gpu(each.vendor) || (library.empty() && !mesa_unlisted) || any_named(vulkan_manifests(m), each.names))
      continue;
    return seen.facts(library)
        .fact("p:vk.devices", "the GPU")
        .missing("*/vulkan/icd.d/*" + std::string(each.names[0]) + "*.json")
        .found();
  }
  return false;
}

bool vulkan_variable(const Machine& m, Seen& seen) {
  if (!vulkan_asked(m)) return false;
  std::string files = set_variable(m, {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"});
  bool wrong = false;
  for (const std::string& path : parts(m.facts.text(files), ":")) {
    bool of_the_gpu = m.has_gpu(vendor::nvidia) && contains(path, "nvidia");
    wrong = wrong || !m.facts.has("f:" + path) || !of_the_gpu;
  }
  std::string filter =
      set_variable(m, {"VK_LOADER_DRIVERS_SELECT", "VK_LOADER_DRIVERS_DISABLE", "MESA_VK_DEVICE_SELECT"});
  if (!wrong && filter.empty()) return false;
  if (wrong) seen.fact(files, "the GPU's manifest, or not set");
  return seen.fact(filter, "not set").facts(vulkan_manifests(m)).fact("p:vk.devices", "the GPU").found();
}

bool vulkan_driver_refuses(const Machine& m, Seen& seen) {
  bool loader_says = holds_any(m.facts.text("p:vk.error"), messages_of("LIB-15"));
  bool present = any_named(vulkan_manifests(m), {"nvidia"}) && m.facts.any("f:*/lib*_nvidia.so.0");
  bool told = !m.told(messages_of("LIB-15")).empty();
  std::string needed(trimmed(m.facts.text("p:needs.libGLX_nvidia.so.0")));
  if (!m.wants({"vulkan"}) || m.works("vulkan") == Works::yes || !(loader_says || told || !needed.empty()) || !present)
    return false;
  if (told) told_of(m, seen, "LIB-15");
  return seen.fact("p:vk.error", "no error")
      .fact("p:needs.libGLX_nvidia.so.0", "nothing missing")
      .fact("p:vk.devices", "the GPU")
      .facts(m.facts.matching("f:*/libGLX_nvidia.so.0"))
      .found();
}

bool egl_asked(const Machine& m) { return m.wants({"egl"}) && m.works("egl") != Works::yes; }
std::string egl_variable_set(const Machine& m) {
  return set_variable(m, {"__EGL_VENDOR_LIBRARY_FILENAMES", "__EGL_VENDOR_LIBRARY_DIRS"});
}

bool no_egl_manifest(const Machine& m, Seen& seen) {
  auto libraries = m.facts.matching("f:*/libEGL_nvidia.so.0");
  bool manifest = m.facts.any("f:*/egl_vendor.d/*nvidia*.json");
  if (!egl_asked(m) || m.wsl() || libraries.empty() || manifest || !egl_variable_set(m).empty()) return false;
  return seen.facts(libraries).fact("p:egl.devices", "1 or more").missing("glvnd/egl_vendor.d/*nvidia*.json").found();
}

bool egl_variable(const Machine& m, Seen& seen) {
  if (!egl_asked(m) || egl_variable_set(m).empty()) return false;
  return seen.fact(egl_variable_set(m), "not set").fact("p:egl.devices", "1 or more").found();
}

bool without_modesetting(const Machine& m, Seen& seen) {
  bool off = is_no(m.facts.text("f:/sys/module/nvidia_drm/parameters/modeset")) ||
             m.says("f:/sys/module/nvidia_drm/parameters/modeset", "n");
  if (m.wsl() || !off || !m.wants({"egl", "opengl", "vulkan", "gbm", "wayland"}) || !m.blocked()) return false;
  return seen.fact("f:/sys/module/nvidia_drm/parameters/modeset", "Y").fact("p:egl.devices", "1 or more").found();
}

bool opengl_fails(const Machine& m) { return m.wants({"opengl"}) && m.works("opengl") != Works::yes; }
bool display(const Machine& m) { return !set_variable(m, {"DISPLAY", "WAYLAND_DISPLAY"}).empty(); }
bool forced_software(const Machine& m, std::string* key) {
  struct Variable {
    std::string_view name, words;
  };
  constexpr Variable variables[] = {{"GALLIUM_DRIVER", "llvmpipe softpipe swr"},
                                    {"MESA_LOADER_DRIVER_OVERRIDE", "swrast kms_swrast llvmpipe softpipe"}};
  *key = set_variable(m, {"LIBGL_ALWAYS_SOFTWARE"});
  if (!key->empty() && !is_no(m.facts.text(*key))) return true;
  for (const Variable& each : variables) {
    *key = set_variable(m, {each.name});
    auto words = parts(each.words, " ");
    if (!key->empty() && std::find(words.begin(), words.end(), lower(trimmed(m.facts.text(*key)))) != words.end())
      return true;
  }
  return false;
}

// A picture drawn in software without a display has another reason where one is at hand.
bool software_explained(const Machine& m) {
  std::string ignored;
  bool render_node = false;
  for (const std::string& key : m.facts.matching("n:/dev/dri/renderD*"))
    if (auto device = node(m.facts.text(key)); device && device->opens()) render_node = true;
  return m.gl_in_software() && (forced_software(m, &ignored) || (!render_node && !m.wsl()));
}

bool no_display(const Machine& m, Seen& seen) {
  bool told = !m.told(messages_of("LIB-19")).empty();
  bool refused = told || holds_any(m.facts.text("p:gl.error"), messages_of("LIB-19"));
  if (!opengl_fails(m) || (display(m) && !refused) || (!refused && software_explained(m))) return false;
  if (told) told_of(m, seen, "LIB-19");
  if (!display(m)) seen.missing("DISPLAY or WAYLAND_DISPLAY");
  seen.fact("p:gl.error").fact("e:DISPLAY").line("w:wslconfig", "guiApplications");
  return seen.fact("p:gl.renderer").fact("p:egl.devices").found();
}

bool wrong_vendor(const Machine& m, Seen& seen) {
  std::string renderer = m.facts.text("p:gl.renderer"), ignored;
  bool elsewhere = !renderer.empty() && !contains_any_case(renderer, "nvidia");
  if (m.wsl() || !m.wants({"opengl"}) || !display(m) || !elsewhere || forced_software(m, &ignored)) return false;
  if (!m.has_gpu(vendor::nvidia) || m.works("cuda") != Works::yes) return false;
  std::string screen = m.facts.text("e:DISPLAY"), vendor_library = m.facts.text("e:__GLX_VENDOR_LIBRARY_NAME");
  bool forwarded = screen.find(':') != std::string::npos && screen.find(':') > 0;
  bool other_vendor = !vendor_library.empty() && vendor_library != "nvidia";
  bool hybrid =
      (m.has_gpu(vendor::intel) || m.has_gpu(vendor::amd)) && !is_yes(m.facts.text("e:__NV_PRIME_RENDER_OFFLOAD"));
  if (!forwarded && !other_vendor && !hybrid) return false;
  if (forwarded) seen.fact("e:DISPLAY", "a screen of this machine");
  if (other_vendor) seen.fact("e:__GLX_VENDOR_LIBRARY_NAME", "nvidia, or not set");
  if (hybrid) seen.missing("__NV_PRIME_RENDER_OFFLOAD=1");
  return seen.fact("p:gl.renderer", "NVIDIA ...").fact("p:cuda.cuInit").found();
}

bool software_by_variable(const Machine& m, Seen& seen) {
  std::string key;
  if (!m.wants({"opengl", "egl", "vulkan"}) || !m.blocked() || !forced_software(m, &key)) return false;
  return seen.fact(key, "not set").fact("p:gl.renderer").fact("p:vk.devices").found();
}

}  // namespace

const std::vector<Check> graphics_checks = {
    {"LIB-21", 42, Severity::blocked, Layer::program, software_by_variable},
    {"LIB-11", 60, Severity::blocked, Layer::program, opencl_variable},
    {"LIB-12", 60, Severity::blocked, Layer::library, opencl_file_not_injected},
    {"LIB-14", 60, Severity::blocked, Layer::program, vulkan_variable},
    {"LIB-18", 60, Severity::blocked, Layer::program, egl_variable},
    {"NV-41", 60, Severity::limited, Layer::driver, without_modesetting},
    {"LIB-10", 61, Severity::blocked, Layer::library, opencl_file_leads_nowhere},
    {"LIB-15", 61, Severity::blocked, Layer::library, vulkan_driver_refuses},
    {"LIB-19", 61, Severity::blocked, Layer::program, no_display},
    {"LIB-09", 62, Severity::blocked, Layer::library, no_opencl_file},
    {"LIB-13", 62, Severity::blocked, Layer::library, no_vulkan_manifest},
    {"LIB-17", 62, Severity::blocked, Layer::library, no_egl_manifest},
    {"LIB-20", 63, Severity::blocked, Layer::program, wrong_vendor},
};

}  // namespace outboard::doctor
