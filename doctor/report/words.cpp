// The names of facts and interfaces, and lines of a width.
#include <algorithm>
#include <map>

#include "doctor/report/report.h"

namespace outboard::doctor {

std::string name_of_api(const std::string& api) {
  static const std::map<std::string, std::string> names = {{"cuda", "CUDA"},
                                                           {"hip", "HIP (ROCm)"},
                                                           {"opencl", "OpenCL"},
                                                           {"vulkan", "Vulkan"},
                                                           {"opengl", "OpenGL"},
                                                           {"egl", "EGL"},
                                                           {"level-zero", "Level Zero"},
                                                           {"sycl", "SYCL"},
                                                           {"desktop", "Windows' Remote Desktop with the GPU"},
                                                           {"none", "no GPU interface"}};
  auto found = names.find(api);
  return found == names.end() ? api : found->second;
}

std::string name_of_fact(const std::string& key) {
  static const std::map<std::string, std::string> names = {{"w:CurrentBuild", "Windows build"},
                                                           {"w:UBR", "Windows update revision"},
                                                           {"w:DisplayVersion", "Windows version"},
                                                           {"w:InstallationType", "Windows edition"},
                                                           {"w:ProductName", "Windows product"},
                                                           {"w:wslconfig", ".wslconfig"},
                                                           {"w:gpu.name", "GPUs in Windows"},
                                                           {"w:gpu.vendor", "their PCI vendors"},
                                                           {"w:gpu.status", "their status"},
                                                           {"w:gpu.problem", "their problem codes"},
                                                           {"w:gpu.driver", "their Windows drivers"},
                                                           {"w:nvsmi.driver_model", "NVIDIA driver model"},
                                                           {"w:nvsmi.driver_version", "NVIDIA driver in Windows"},
                                                           {"w:nvsmi.cc", "compute capability"},
                                                           {"w:hypervisor.vm", "Windows is a VM"},
                                                           {"w:arch", "Windows processor"},
                                                           {"w:wsl.last_error", "wsl.exe said"},
                                                           {"w:rdp.*", "Windows' Remote Desktop"},
                                                           {"w:rdp.EditionID", "Windows edition"},
                                                           {"w:rdp.adapters", "adapters, as programs see them"},
                                                           {"w:rdp.event170", "event 170 of Remote Desktop"},
                                                           {"w:rdp.event162", "event 162 of Remote Desktop"},
                                                           {"w:docker.backend", "Docker Desktop's engine"},
                                                           {"w:dda.assignable", "devices given to VMs"},
                                                           {"p:dxg.open", "opening /dev/dxg"},
                                                           {"p:dxg.adapters", "GPUs behind /dev/dxg"},
                                                           {"p:dxcore.nvidia", "NVIDIA adapters in WSL"},
                                                           {"p:dxcore.wddm", "WDDM version"},
                                                           {"p:dxcore.store", "driver store"},
                                                           {"p:cuda.cuInit", "cuInit"},
                                                           {"p:cuda.count", "CUDA devices"},
                                                           {"p:cuda.ctx", "making a CUDA context"},
                                                           {"p:cuda.path", "libcuda.so.1 loaded"},
                                                           {"p:cuda.driver", "CUDA version of the driver"},
                                                           {"p:cuda.nocvd", "cuInit without CUDA_VISIBLE_DEVICES"},
                                                           {"p:cuda.last_error", "the program's CUDA error"},
                                                           {"p:nvml.init", "NVML"},
                                                           {"p:nvml.path", "libnvidia-ml.so.1 loaded"},
                                                           {"p:nvml.count", "GPUs that NVML sees"},
                                                           {"p:nvml.compute_mode", "compute mode"},
                                                           {"p:nvml.mem", "GPU memory in MiB"},
                                                           {"p:nvml.mig", "MIG mode"},
                                                           {"p:nvml.fabric", "NVLink fabric"},
                                                           {"p:nvml.cc", "compute capability"},
                                                           {"p:nvml.procs", "GPU processes"},
                                                           {"p:cl.platforms", "OpenCL platforms"},
                                                           {"p:vk.devices", "Vulkan devices"},
                                                           {"p:gl.renderer", "OpenGL renderer"},
                                                           {"p:egl.devices", "EGL devices"},
                                                           {"p:hip.init", "HIP"},
                                                           {"p:hip.count", "HIP devices"},
                                                           {"p:kfd.gfx", "GPU target"},
                                                           {"p:virt", "virtualisation"},
                                                           {"p:secureboot", "Secure Boot"},
                                                           {"p:dlopen.error", "the loader said"},
                                                           {"p:cudart.version", "the program's CUDA runtime"},
                                                           {"p:cudart.error", "the CUDA runtime's error"},
                                                           {"p:app.build", "the framework's build"},
                                                           {"p:app.missing", "libraries not found"},
                                                           {"p:app.architectures", "the program's GPU code"},
                                                           {"p:proc.elfclass", "bits of the program"},
                                                           {"i:uid", "user"},
                                                           {"i:groups", "groups"},
                                                           {"i:arch", "processor"},
                                                           {"i:libc", "C library"},
                                                           {"k:dmesg", "kernel's log"}};
  if (auto found = names.find(key); found != names.end()) return found->second;
  std::string rest = key.size() > 2 ? key.substr(2) : key;
  if (key.starts_with("w:rdp.")) return key.substr(std::string_view("w:rdp.").size());
  if (key.starts_with("e:")) return "$" + rest;
  if (key.starts_with("c:")) return rest + " said";
  return rest;
}

std::string wrapped(const std::string& text, size_t indent, size_t width) {
  std::string result, line;
  std::string margin(indent, ' ');
  auto flush = [&] {
    if (!line.empty()) result += margin + line + "\n";
    line.clear();
  };
  for (const std::string& word : parts(text, " \n")) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) flush();
    line += (line.empty() ? "" : " ") + word;
  }
  flush();
  return result;
}

}  // namespace outboard::doctor
