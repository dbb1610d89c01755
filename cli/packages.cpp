#include "cli/packages.h"

#include <cstdlib>

#include "cli/run.h"

namespace cli {

void put_in_front(const char* variable, const std::string& what) {
  const char* before = std::getenv(variable);
  std::string path = what;
  if (before && *before) path.append(":").append(before);
  setenv(variable, path.c_str(), 1);
}

void ask_packages_for_ptx(const std::string& driver) {
  const std::string compilers = library_folder("compilers");
  put_in_front("LD_PRELOAD", compilers + "/liboutboard_compilers.so");  // NVRTC and nvJitLink
  setenv("CUPY_COMPILE_WITH_PTX", "1", 0);
  setenv("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1", 0);  // it asks CUPTI, which wants a real driver
  // Triton runs ptxas, and looks for the driver's library to link with.
  for (const char* variable : {"TRITON_PTXAS_PATH", "TRITON_PTXAS_BLACKWELL_PATH"})
    setenv(variable, (compilers + "/ptxas").c_str(), 0);
  setenv("TRITON_LIBCUDA_PATH", driver.c_str(), 0);
}

}  // namespace cli
