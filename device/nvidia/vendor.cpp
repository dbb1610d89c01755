#include "device/nvidia/vendor.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <vector>

#include "base/log.h"

namespace nvidia {
namespace {

struct Opened {
  void* library = nullptr;
  std::string path;
  device::Driver driver{};
};
Opened& opened() {
  static auto* made = new Opened;  // a driver's threads may outlive main
  return *made;
}

// Where a driver's package puts it, beside what the loader finds by itself: WSL2, Debian, Red Hat, NixOS, containers.
constexpr const char* usual_places[] = {"libcuda.so.1",
                                        "/usr/lib/wsl/lib/libcuda.so.1",
                                        "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
                                        "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
                                        "/usr/lib64/libcuda.so.1",
                                        "/run/opengl-driver/lib/libcuda.so.1",
                                        "/usr/local/nvidia/lib64/libcuda.so.1"};

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// OUTBOARD_VENDOR_DRIVER names the file to take. For tests without a GPU, OUTBOARD_VENDOR_STAND_IN=accept lets it be
// one of ours; nothing else does.
std::vector<std::string> candidates() {
  if (std::string one = setting("OUTBOARD_VENDOR_DRIVER"); !one.empty()) return {one};
  return {std::begin(usual_places), std::end(usual_places)};
}
bool takes_stand_in() {
  return !setting("OUTBOARD_VENDOR_DRIVER").empty() && setting("OUTBOARD_VENDOR_STAND_IN") == "accept";
}

std::string path_of(void* library, const std::string& asked) {
  Dl_info info{};
  void* inside = dlsym(library, "cuInit");
  return inside && dladdr(inside, &info) && info.dli_fname ? info.dli_fname : asked;
}

// --- the functions, by the names of the table

enum Row : size_t {
#define ROW(since, name, params) row_##name,
#include "api/cuda/cuda.def"
  row_count
};
struct Name {
  const char* name;
  int since;
};
constexpr Name names[] = {
#define ROW(since, name, params) {#name, since},
#include "api/cuda/cuda.def"
};

CUresult say_lacking(size_t row) {
  static std::atomic_flag said[row_count];
  if (!said[row].test_and_set())
    base::log(base::Level::warn, "the driver lacks a function",
              {{"name", names[row].name}, {"since", std::to_string(names[row].since)}, {"driver", vendor_path()}});
  return CUDA_ERROR_NOT_SUPPORTED;
}
template <size_t row, class... P>
CUresult lacking(P...) {
  return say_lacking(row);
}

// Drivers export every function under the very name of its version. A loader in front of the driver may be older than
// the driver and know less names than cuGetProcAddress does, which takes the name without its version (CUDA Driver API,
// "Driver Entry Point Access").
void* find(void* library, const Name& wanted) {
  if (void* symbol = dlsym(library, wanted.name)) return symbol;
  using Ask = CUresult (*)(const char*, void**, int, cuuint64_t, CUdriverProcAddressQueryResult*);
  auto ask = reinterpret_cast<Ask>(dlsym(library, "cuGetProcAddress_v2"));
  if (!ask || !wanted.since) return nullptr;
  std::string base = wanted.name;
  if (size_t n = base.size(); n > 3 && base[n - 3] == '_' && base[n - 2] == 'v') base.resize(n - 3);
  void* symbol = nullptr;
  CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  CUresult result = ask(base.c_str(), &symbol, wanted.since, 0, &found);
  return result == CUDA_SUCCESS && found == CU_GET_PROC_ADDRESS_SUCCESS ? symbol : nullptr;
}

template <size_t row, class... P>
void fill(void* library, CUresult (*&slot)(P...)) {
  void* symbol = find(library, names[row]);
  slot = symbol ? reinterpret_cast<CUresult (*)(P...)>(symbol) : &lacking<row, P...>;
}

void take_functions(void* library, device::Driver& driver) {
#define ROW(since, name, params) fill<row_##name>(library, driver.name);
#include "api/cuda/cuda.def"
}

}  // namespace

base::Status open_vendor() {
  if (opened().library) return base::Done{};
  std::string seen;
  for (const std::string& candidate : candidates()) {
    void* library = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      if (seen.empty()) seen = dlerror();
      continue;
    }
    const std::string path = path_of(library, candidate);
    if (dlsym(library, "outboard_stand_in") && !takes_stand_in()) {
      seen = path + " is Outboard's own stand-in and not NVIDIA's driver (is LD_LIBRARY_PATH set by outboard run?)";
      continue;
    }
    opened().library = library;
    opened().path = path;
    take_functions(library, opened().driver);
    return base::Done{};
  }
  return base::Error{"NVIDIA's driver was not found: " + seen +
                     "; outboard doctor says why, OUTBOARD_VENDOR_DRIVER=FILE names another one"};
}

const device::Driver& vendor() { return opened().driver; }
const std::string& vendor_path() { return opened().path; }

CUresult current_context(CUcontext& context, CUdevice& device) {
  if (CUresult result = vendor().cuCtxGetCurrent(&context)) return result;
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  return vendor().cuCtxGetDevice(&device);
}

}  // namespace nvidia
