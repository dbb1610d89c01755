// AMD's and Intel's GPUs on Linux: kernel driver, nodes, compute runtimes.
#include "doctor/checks/subjects.h"

#include <algorithm>
#include <set>

namespace outboard::doctor {

namespace {

// Targets that ROCm's libraries ship kernels for (ROCm: compatibility matrix, system requirements).
const std::set<std::string, std::less<>> rocm_targets = {"gfx906",  "gfx908",  "gfx90a",  "gfx940",  "gfx941",
                                                         "gfx942",  "gfx950",  "gfx1030", "gfx1100", "gfx1101",
                                                         "gfx1102", "gfx1150", "gfx1151", "gfx1200", "gfx1201"};

bool hip_fails(const Machine& m) { return m.works("hip") == Works::no; }

bool render_refused(const Machine& m, std::string* key) {
  for (const std::string& each : m.facts.matching("n:/dev/dri/renderD*"))
    if (auto device = node(m.facts.text(each)); device && device->open == "EACCES" && !device->everybody_may()) {
      *key = each;
      return true;
    }
  return false;
}

bool render_opens(const Machine& m) {
  for (const std::string& each : m.facts.matching("n:/dev/dri/renderD*"))
    if (auto device = node(m.facts.text(each)); device && device->opens()) return true;
  return false;
}

bool no_kfd(const Machine& m, Seen& seen) {
  if (!m.linux_host() || !m.has_gpu(vendor::amd) || m.facts.has("n:/dev/kfd") || !m.wants({"hip", "opencl"}) ||
      !m.blocked())
    return false;
  for (const PciFunction& gpu : m.gpus(vendor::amd)) seen.fact(gpu.key + "/vendor").fact(gpu.key + "/driver", "amdgpu");
  if (!m.modules.contains("amdgpu")) seen.missing("amdgpu in /proc/modules");
  return seen.line("k:dmesg", "amdgpu")
      .line("f:/proc/cmdline", "nomodeset")
      .fact("p:hip.init", "0")
      .missing("/dev/kfd")
      .found();
}

bool kfd_refused(const Machine& m, Seen& seen) {
  std::string render;
  auto kfd = m.device("/dev/kfd");
  bool refused = kfd && kfd->open == "EACCES" && !kfd->everybody_may();
  bool render_too = m.has_gpu(vendor::amd) && !m.has_gpu(vendor::nvidia) && kfd && render_refused(m, &render);
  if (m.wsl() || !(refused || render_too) || !m.blocked()) return false;
  return seen.fact("n:/dev/kfd", "open=ok")
      .fact(render, "open=ok")
      .fact("i:groups", "render, video")
      .fact("p:hip.init", "0")
      .found();
}

bool unsupported_target(const Machine& m, Seen& seen) {
  std::string target(trimmed(m.facts.text("p:kfd.gfx")));
  bool not_listed = !target.empty() && !rocm_targets.contains(target) && !m.facts.has("e:HSA_OVERRIDE_GFX_VERSION");
  bool no_binary = m.code("p:hip.init") == 209L || m.code("p:hip.last_error") == 209L ||
                   contains_any_case(m.facts.text("p:hip.init"), "unsupported");
  bool other_reason =
      m.says("p:hip.init", "timeout") || m.code("p:hip.init") == 100L || contains(m.facts.text("p:hip.init"), "hsa");
  if (m.wsl() || !(no_binary || (not_listed && hip_fails(m) && !other_reason))) return false;
  return seen.fact("p:kfd.gfx", "a target of this ROCm build").fact("p:hip.init", "0").fact("p:rocm.lib").found();
}

bool kernel_driver_older(const Machine& m, Seen& seen) {
  auto major = [&](const char* key) {
    const std::string text = m.facts.text(key);
    if (Version version = version_in(text)) return std::optional<long>(version.major());
    return number(text);
  };
  auto library = major("p:rocm.lib"), driver = major("p:rocm.kmd_branch");
  if (!library || !driver || *library <= *driver || !hip_fails(m)) return false;
  return seen.fact("p:rocm.lib")
      .fact("p:rocm.kmd_branch", "the branch of the libraries")
      .fact("f:/sys/module/amdgpu/version")
      .fact("p:hip.init", "0")
      .found();
}

bool no_intel_runtime(const Machine& m, Seen& seen) {
  bool asked = m.wants({"opencl", "level-zero", "sycl"});
  bool vendor_file = m.facts.any("f:/etc/OpenCL/vendors/*intel*") || m.facts.any("f:/usr/share/OpenCL/vendors/*intel*");
  bool only_intel = m.has_gpu(vendor::intel) && !m.has_gpu(vendor::nvidia) && !m.has_gpu(vendor::amd);
  if (m.wsl() || !asked || !only_intel || vendor_file || !render_opens(m) || m.works(m.want) == Works::yes)
    return false;
  return seen.facts(m.facts.matching("n:/dev/dri/renderD*"))
      .fact("p:cl.platforms", "1 or more")
      .missing("/etc/OpenCL/vendors/intel*.icd")
      .found();
}

bool no_render_node(const Machine& m, Seen& seen) {
  if (m.wsl() || !m.wants({"opengl", "egl", "vulkan", "opencl"}) || !m.blocked()) return false;
  std::string render;
  bool amd_compute = m.facts.has("n:/dev/kfd") && m.has_gpu(vendor::amd);
  if (render_refused(m, &render) && !amd_compute && !render_opens(m))
    return seen.fact(render, "open=ok").fact("i:groups", "render").fact("p:gl.renderer").fact("p:cl.platforms").found();
  bool nomodeset = contains(m.facts.text("f:/proc/cmdline"), "nomodeset");
  bool simple =
      m.modules.contains("simpledrm") || contains(m.log, "simple-framebuffer") || contains(m.log, "simpledrm");
  bool nodes = m.facts.any("n:/dev/dri/renderD*");
  if (nodes || m.container || !m.any_gpu() || !(nomodeset || simple)) return false;
  return seen.line("f:/proc/cmdline", "nomodeset", "no nomodeset")
      .line("k:dmesg", "simple")
      .missing("/dev/dri/renderD*")
      .fact("p:gl.renderer")
      .found();
}

}  // namespace

const std::vector<Check> amd_intel_checks = {
    {"AMD-01", 30, Severity::blocked, Layer::driver, no_kfd},
    {"AMD-02", 31, Severity::blocked, Layer::device, kfd_refused},
    {"DRI-01", 35, Severity::blocked, Layer::device, no_render_node},
    {"AMD-03", 40, Severity::blocked, Layer::library, unsupported_target},
    {"AMD-04", 41, Severity::blocked, Layer::driver, kernel_driver_older},
    {"INT-01", 45, Severity::blocked, Layer::library, no_intel_runtime},
};

}  // namespace outboard::doctor
