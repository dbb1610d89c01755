// OpenCL, Vulkan, OpenGL and ROCm in WSL, where CUDA or Direct3D already work.
#include "doctor/checks/subjects.h"

#include <algorithm>

namespace outboard::doctor {

namespace {

const Version oldest_intel_driver = {{30, 0, 100, 9955}};  // Intel: compute-runtime, WSL.md

bool adapters(const Machine& m) { return !m.says("p:dxg.adapters", "0") && !m.says("p:dxg.open", "enoent"); }
bool nvidia_adapter(const Machine& m) {
  if (m.windows_vendors_known()) return m.windows_has("10DE");
  return m.code("p:dxcore.nvidia").value_or(0) > 0;
}

bool rocm(const Machine& m, Seen& seen) {
  bool runtime = m.facts.any("f:*librocdxg*") || m.facts.any("f:*rocr4wsl*");
  if (!m.wsl2 || !m.wants({"hip"}) || !m.windows_has("1002") || !adapters(m) || m.works("hip") == Works::yes)
    return false;
  seen.fact("w:gpu.name").fact("w:gpu.vendor").fact("p:hip.init", "0").fact("e:HSA_ENABLE_DXG_DETECTION", "1");
  if (!runtime) seen.missing("librocdxg, or hsa-runtime-rocr4wsl");
  return seen.found();
}

bool intel_compute(const Machine& m, Seen& seen) {
  bool asked = m.wants({"opencl", "level-zero", "sycl"});
  if (!m.wsl2 || !asked || !m.windows_has("8086") || nvidia_adapter(m) || m.works(m.want) == Works::yes) return false;
  Version driver = version_in(m.facts.text("w:gpu.driver"));
  bool vendor_file = m.facts.any("f:/etc/OpenCL/vendors/*intel*");
  if (driver && driver < oldest_intel_driver) seen.fact("w:gpu.driver", "30.0.100.9955 or newer");
  if (!vendor_file) seen.missing("/etc/OpenCL/vendors/intel.icd");
  return seen.fact("w:gpu.name")
      .fact("p:cl.platforms", "1 or more")
      .fact("p:neo.version", "21.30.20482 or newer")
      .found();
}

bool no_nvidia_opencl(const Machine& m, Seen& seen) {
  bool driver_has_it = m.facts.any("f:/usr/lib/wsl/*libnvidia-opencl.so*");
  if (!m.wsl2 || !m.wants({"opencl"}) || !nvidia_adapter(m) || m.works("opencl") == Works::yes || driver_has_it)
    return false;
  if (m.works("cuda") != Works::yes) return false;
  return seen.fact("p:cl.platforms", "1 or more")
      .fact("p:cuda.cuInit")
      .missing("libnvidia-opencl.so.1 in /usr/lib/wsl")
      .found();
}

// Mesa's Dozen: a manifest, and the library that it names.
bool dozen_installed(const Machine& m) {
  bool manifest = m.facts.any("f:*/vulkan/icd.d/*dzn*.json");
  return manifest && m.facts.any("f:*libvulkan_dzn.so*");
}

bool no_dozen(const Machine& m, Seen& seen) {
  if (!m.wsl2 || !m.wants({"vulkan"}) || !adapters(m) || dozen_installed(m) || m.works("vulkan") == Works::yes)
    return false;
  return seen.fact("p:vk.devices", "Microsoft Direct3D12 (...)").missing("dzn_icd*.json and libvulkan_dzn.so").found();
}

bool software_here(const Machine& m) {
  if (!m.wsl2 || !adapters(m)) return false;
  return (m.wants({"opengl"}) && m.gl_in_software()) ||
         (m.wants({"vulkan"}) && m.vulkan_in_software() && dozen_installed(m));
}

bool forced(const Machine& m) {
  return m.facts.has("e:LIBGL_ALWAYS_SOFTWARE") && !is_no(m.facts.text("e:LIBGL_ALWAYS_SOFTWARE"));
}
bool dependency_missing(const Machine& m) { return !trimmed(m.facts.text("p:umd.missing")).empty(); }

bool d3d12_not_picked(const Machine& m, Seen& seen) {
  bool steered = m.facts.has("e:GALLIUM_DRIVER") || m.facts.has("e:MESA_D3D12_DEFAULT_ADAPTER_NAME") ||
                 m.facts.has("e:MESA_LOADER_DRIVER_OVERRIDE") || forced(m) || dependency_missing(m);
  if (!software_here(m) || !m.wants({"opengl"}) || steered) return false;
  bool mesa_has_it = m.facts.any("f:*/d3d12_dri.so") || m.facts.any("f:*/libgallium*");
  if (!mesa_has_it) seen.is(Surety::possible).missing("d3d12_dri.so (Mesa's driver for Direct3D 12)");
  return seen.fact("p:gl.renderer", "D3D12 (...)")
      .facts(m.facts.matching("f:*/d3d12_dri.so"))
      .fact("p:dxg.adapters")
      .found();
}

bool adapter_filter(const Machine& m, Seen& seen) {
  std::string wanted(trimmed(m.facts.text("e:MESA_D3D12_DEFAULT_ADAPTER_NAME")));
  if (!software_here(m) || wanted.empty() || dependency_missing(m)) return false;
  bool matches = std::any_of(m.windows_gpus.begin(), m.windows_gpus.end(),
                             [&](const std::string& name) { return lower(name).starts_with(lower(wanted)); });
  if (matches || m.windows_gpus.empty()) seen.is(Surety::possible);
  return seen.fact("e:MESA_D3D12_DEFAULT_ADAPTER_NAME", "the start of an adapter's name, or not set")
      .fact("w:gpu.name")
      .fact("p:gl.renderer")
      .found();
}

bool vendor_library_lacks(const Machine& m, Seen& seen) {
  if (!software_here(m) || !dependency_missing(m)) return false;
  return seen.fact("p:umd.missing", "nothing missing").fact("e:GALLIUM_DRIVER").fact("p:gl.renderer").found();
}

}  // namespace

const std::vector<Check> wsl_api_checks = {
    {"WSL-32", 19, Severity::blocked, Layer::library, rocm},
    {"WSL-33", 40, Severity::blocked, Layer::library, intel_compute},
    {"WSL-34", 40, Severity::blocked, Layer::library, no_nvidia_opencl},
    {"WSL-35", 41, Severity::blocked, Layer::library, no_dozen},
    {"WSL-38", 43, Severity::blocked, Layer::library, vendor_library_lacks},
    {"WSL-37", 44, Severity::blocked, Layer::program, adapter_filter},
    {"WSL-36", 45, Severity::blocked, Layer::library, d3d12_not_picked},
};

}  // namespace outboard::doctor
