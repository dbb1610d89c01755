// Linux in a virtual machine: what the hypervisor or the cloud gave it.
#include "doctor/checks/subjects.h"

namespace outboard::doctor {

namespace {

constexpr long paravirtual_render = 0x008e, paravirtual_compute = 0x008a;  // Hyper-V GPU-PV functions (dxgkrnl)
constexpr long amazon = 0x1d0f;

const PciFunction* paravirtual_gpu(const Machine& m) {
  return m.pci_device(vendor::microsoft, {paravirtual_render, paravirtual_compute});
}

bool has_accelerator(const Machine& m) {
  for (const PciFunction& function : m.pci)
    if (function.vendor == amazon && function.kind >> 16 == 0x12) return true;
  return m.has_gpu(vendor::nvidia) || m.has_gpu(vendor::amd) || m.has_gpu(vendor::intel);
}

bool without_gpu(const Machine& m) {
  return m.vm && !m.micro_vm && !m.mac && !m.gvisor && !paravirtual_gpu(m) && !has_accelerator(m) && !m.tegra &&
         m.blocked();
}

void show_machine(const Machine& m, Seen& seen) {
  seen.fact("p:virt").fact("f:/sys/class/dmi/id/sys_vendor").fact("f:/sys/class/dmi/id/product_name");
  for (const PciFunction& function : m.pci)
    if (function.kind >> 16 == 0x03) seen.fact(function.key + "/vendor").fact(function.key + "/device");
}

// A display device that carries graphics commands to the host: virgl, venus, SVGA3D.
const PciFunction* graphics_only(const Machine& m) {
  const PciFunction* device = m.pci_device(vendor::virtio, {0x1050});
  if (!device) device = m.pci_device(vendor::vmware, {0x0405, 0x0406});
  std::string renderer = m.facts.text("p:gl.renderer");
  return device && !device->driver.empty() && !software_renderer(renderer) ? device : nullptr;
}

bool no_gpu(const Machine& m, Seen& seen) {
  if (!without_gpu(m) || m.cloud || graphics_only(m)) return false;
  show_machine(m, seen);
  return seen.missing("a GPU among the PCI devices").found();
}

bool only_graphics(const Machine& m, Seen& seen) {
  const PciFunction* device = graphics_only(m);
  if (!without_gpu(m) || m.cloud || !device || !m.wants({"cuda", "hip", "opencl", "level-zero", "sycl"})) return false;
  seen.fact(device->key + "/vendor").fact(device->key + "/device").fact(device->key + "/driver");
  return seen.fact("p:gl.renderer").fact("p:virt").found();
}

bool cloud_without_gpu(const Machine& m, Seen& seen) {
  if (!without_gpu(m) || !m.cloud) return false;
  show_machine(m, seen);
  return seen.fact("f:/sys/class/dmi/id/chassis_asset_tag").missing("a GPU among the PCI devices").found();
}

bool no_dxgkrnl(const Machine& m, Seen& seen) {
  const PciFunction* gpu = paravirtual_gpu(m);
  if (m.wsl() || !gpu || m.facts.has("n:/dev/dxg") || m.modules.contains("dxgkrnl") || !m.blocked()) return false;
  return seen.fact(gpu->key + "/vendor")
      .fact(gpu->key + "/device")
      .fact("p:dxg.open", "ok")
      .missing("/dev/dxg and the module dxgkrnl")
      .found();
}

bool incomplete_files(const Machine& m, Seen& seen) {
  bool here = paravirtual_gpu(m) && m.facts.has("n:/dev/dxg");
  bool libraries =
      m.facts.any("f:/usr/lib/wsl/lib/libdxcore.so*") && m.facts.any("f:/usr/lib/wsl/lib/libd3d12core.so*");
  std::string store(trimmed(m.facts.text("p:dxcore.store")));
  bool driver = m.facts.any("f:/usr/lib/wsl/drivers/*") && (store.empty() || m.facts.any("f:" + store + "/*"));
  if (m.wsl() || !here || (libraries && driver) || !m.blocked()) return false;
  if (!libraries) seen.missing("libdxcore.so and libd3d12core.so in /usr/lib/wsl/lib");
  if (!driver)
    seen.missing("the driver's folder in /usr/lib/wsl/drivers").fact("p:dxcore.store", "a folder that exists");
  return seen.fact("n:/dev/dxg").fact("p:nvml.init", "0").fact("p:cuda.cuInit", "0").found();
}

}  // namespace

const std::vector<Check> virtual_machine_checks = {
    {"VM-04", 16, Severity::blocked, Layer::machine, no_dxgkrnl},
    {"VM-05", 17, Severity::blocked, Layer::machine, incomplete_files},
    {"VM-03", 18, Severity::blocked, Layer::machine, cloud_without_gpu},
    {"VM-02", 19, Severity::blocked, Layer::machine, only_graphics},
    {"VM-01", 20, Severity::blocked, Layer::machine, no_gpu},
};

}  // namespace outboard::doctor
