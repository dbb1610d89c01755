// The environment variables that GPU programs, loaders and containers look at. Others are not taken: they are nobody's
// business.
#include <fnmatch.h>

#include <array>

#include "doctor/probes/reading.h"
#include "doctor/probes/probes.h"

namespace outboard::doctor::probes {

namespace {

constexpr std::array taken = {
    "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "LIBRARY_PATH", "DISPLAY", "WAYLAND_DISPLAY",
    "XDG_SESSION_TYPE", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_HOME", "SUDO_USER",
    "CONDA_PREFIX", "VIRTUAL_ENV",
    // CUDA and NVIDIA
    "CUDA_*", "NVIDIA_*", "NVCC_*", "__NV_*", "__GLX_*", "__EGL_*", "__GL_*", "EGL_PLATFORM",
    // AMD and Intel
    "HIP_*", "ROCR_*", "ROCM_*", "HSA_*", "GPU_DEVICE_ORDINAL", "GPU_*", "ZE_*", "ZET_*", "ONEAPI_*", "SYCL_*", "NEO*",
    // OpenCL, Vulkan, OpenGL
    "OCL_*", "OPENCL_*", "OPAE_*", "POCL_*", "VK_*", "DISABLE_LAYER*", "DRI_PRIME", "LIBGL_*", "GALLIUM_*", "MESA_*",
    // where we are
    "WSL_*", "WSL2_*", "WSLENV", "KUBERNETES_SERVICE_HOST", "container", "APPTAINER_*", "SINGULARITY_*", "SNAP",
    "SNAP_NAME", "SNAP_REVISION", "FLATPAK_ID", "SLURM_*", "PBS_JOBID", "LSB_JOBID", "INVOCATION_ID", "DOCKER_HOST",
    "DOCKER_CONTEXT", "SSH_CONNECTION", "SSH_TTY", "OUTBOARD_*", "JAX_PLATFORMS", "XLA_*", "PYTORCH_*", "TF_FORCE_*",
    "TF_GPU_*"};

bool is_taken(const std::string& name) {
  for (const char* pattern : taken)
    if (fnmatch(pattern, name.c_str(), 0) == 0) return true;
  return false;
}

// What sudo, cron and services leave out.
bool a_parent_may_have(const std::string& name) {
  return name == "LD_LIBRARY_PATH" || name.starts_with("CUDA_") || name.starts_with("NVIDIA_") ||
         name.starts_with("HIP_") || name.starts_with("ROCR_") || name.starts_with("VK_") || name.starts_with("OCL_");
}

std::string parent_of(const Place& place, const std::string& process) {
  for (const std::string& line : lines(word(place, "/proc/" + process + "/status")))
    if (line.starts_with("PPid:")) return std::string(trim(line.substr(5)));
  return "";
}

}  // namespace

void probe_environment(const Place& place, Sink& sink) {
  for (const auto& [name, value] : place.environment)
    if (is_taken(name)) sink.set("e:" + name, value);
}

Lost lost_variables(const Place& place) {
  constexpr int generations = 4;  // the shell, sudo, sudo's helper, the caller
  Lost lost;
  std::string process = std::to_string(place.process);
  for (int generation = 0; generation < generations; ++generation) {
    process = parent_of(place, process);
    if (process.empty() || process == "0") break;
    Reading reading = read(place, "/proc/" + process + "/environ", 4 << 20);
    lost.refused |= reading.state == State::unreadable;
    for (const std::string& variable : split(reading.text, '\0')) {
      std::string name = variable.substr(0, variable.find('='));
      if (a_parent_may_have(name) && !place.environment.contains(name)) lost.variables.push_back(variable);
    }
    if (!lost.variables.empty()) break;
  }
  return lost;
}

void probe_parents(const Place& place, Sink& sink) {
  Lost lost = lost_variables(place);
  if (!lost.variables.empty()) return sink.set("p:parent.env", join(lost.variables, "\n"));
  if (lost.refused) sink.unknown("p:parent.env", "the environment of a parent process may not be read");
}

}  // namespace outboard::doctor::probes
