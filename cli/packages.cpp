#include "cli/packages.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/run.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

std::string found(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  std::error_code error;
  for (std::string folder; std::getline(folders, folder, ':');)
    if (fs::exists(fs::path(folder) / program, error)) return fs::path(folder) / program;
  return program;
}

// An interpreter, or a script whose first line names one.
bool is_python(const std::string& program) {
  std::string file = found(program);
  if (fs::path(file).filename().string().starts_with("python")) return true;
  char line[256] = {};
  std::ifstream(file).getline(line, sizeof line);
  std::string_view first = line;
  return first.starts_with("#!") && first.find("python") != first.npos;
}

// Python packages look first for an nvJitLink that the process has already (client/jit_link/jit_link.cpp). Other
// programs are spared the preloaded library.
void stand_in_for_jit_linker() {
  std::string list;
  if (const char* before = std::getenv("LD_PRELOAD")) list = before;
  for (const char* name : {"libnvJitLink.so.13", "libnvJitLink.so.12"}) {
    fs::path library = fs::path(library_folder("jit_link")) / name;
    std::error_code error;
    if (fs::exists(library, error)) list += (list.empty() ? "" : ":") + library.string();
  }
  if (!list.empty()) setenv("LD_PRELOAD", list.c_str(), 1);
}

// Triton runs ptxas, and looks for the driver's library to link with.
void stand_in_for_ptxas(const std::string& driver) {
  const std::string ptxas = library_folder("jit_link") + "/ptxas";
  for (const char* variable : {"TRITON_PTXAS_PATH", "TRITON_PTXAS_BLACKWELL_PATH"}) setenv(variable, ptxas.c_str(), 0);
  setenv("TRITON_LIBCUDA_PATH", driver.c_str(), 0);
}

}  // namespace

void ask_packages_for_ptx(const std::string& program, const std::string& driver) {
  setenv("CUPY_COMPILE_WITH_PTX", "1", 0);
  setenv("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1", 0);  // it asks CUPTI, which wants a real driver
  stand_in_for_ptxas(driver);
  if (is_python(program)) stand_in_for_jit_linker();
}

}  // namespace cli
