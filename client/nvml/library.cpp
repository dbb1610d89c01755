// NVML's beginning and end, and what it says of the machine. Devices come from the stand-in for the driver beside it,
// so that both tell the same.
#include "client/nvml/library.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <mutex>

namespace nvml {
namespace {

// Initialisations that have not been shut down.
std::atomic<int> users{0};

using GetExportTable = CUresult (*)(const void**, const CUuuid*);

// The driver library in our own folder; where somebody copied NVML alone, the one that the program would load.
void* open_driver() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&open_driver), &self) && self.dli_fname) {
    const char* slash = std::strrchr(self.dli_fname, '/');
    char path[4096];
    const int folder = slash ? static_cast<int>(slash - self.dli_fname) : 0;
    if (slash && std::snprintf(path, sizeof path, "%.*s/libcuda.so.1", folder, self.dli_fname) < 4096)
      if (void* library = dlopen(path, RTLD_NOW)) return library;
  }
  return dlopen("libcuda.so.1", RTLD_NOW);
}

// Null: there is no driver library, or it is not Outboard's. Never closed.
const client::ManagementTable* find_table() {
  void* library = open_driver();
  auto get = library ? reinterpret_cast<GetExportTable>(dlsym(library, "cuGetExportTable")) : nullptr;
  const void* table = nullptr;
  if (!get || get(&table, &client::management_id) != CUDA_SUCCESS) return nullptr;
  return static_cast<const client::ManagementTable*>(table);
}

const client::ManagementTable* table() {
  static const client::ManagementTable* found = find_table();
  return found;
}

}  // namespace

const client::ManagementTable* driver() { return users > 0 ? table() : nullptr; }

int number_of(nvmlDevice_t device) {
  const uintptr_t number = reinterpret_cast<uintptr_t>(device) - 1;
  return number < static_cast<uintptr_t>(driver()->count()) ? static_cast<int>(number) : -1;
}

nvmlDevice_t handle_of(int number) { return reinterpret_cast<nvmlDevice_t>(static_cast<uintptr_t>(number) + 1); }

nvmlReturn_t put_text(const char* text, char* to, unsigned length) {
  if (!to) return NVML_ERROR_INVALID_ARGUMENT;
  if (std::strlen(text) + 1 > length) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::strcpy(to, text);
  return NVML_SUCCESS;
}

}  // namespace nvml

using nvml::driver;

OUTBOARD_EXPORT nvmlReturn_t nvmlInit_v2() {
  const client::ManagementTable* found = nvml::table();
  if (!found || found->connect() != CUDA_SUCCESS) return NVML_ERROR_DRIVER_NOT_LOADED;
  ++nvml::users;
  return NVML_SUCCESS;
}
OUTBOARD_EXPORT nvmlReturn_t nvmlInit() { return nvmlInit_v2(); }
OUTBOARD_EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned int) { return nvmlInit_v2(); }

OUTBOARD_EXPORT nvmlReturn_t nvmlShutdown() {
  int users = nvml::users;
  while (users > 0)
    if (nvml::users.compare_exchange_weak(users, users - 1)) return NVML_SUCCESS;
  return NVML_ERROR_UNINITIALIZED;
}

OUTBOARD_EXPORT const char* nvmlErrorString(nvmlReturn_t result) {
  switch (result) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_UNKNOWN: break;
  }
  return "Unknown Error";
}

// The driver that first brought a CUDA version: the release notes of the CUDA toolkit, table "CUDA Toolkit and
// Corresponding Driver Versions". The hello does not tell the version of a driver elsewhere.
OUTBOARD_EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char* version, unsigned int length) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  static constexpr struct {
    int cuda;
    const char* driver;
  } brought[] = {{13000, "580.65.06"}, {12090, "575.51.03"}, {12080, "570.26"},    {12060, "560.28.03"},
                 {12050, "555.42.02"}, {12040, "550.54.14"}, {12030, "545.23.06"}, {12020, "535.54.03"},
                 {12010, "530.30.02"}, {12000, "525.60.13"}, {0, "520.61.05"}};
  const int cuda = driver()->driver_version();
  for (const auto& row : brought)
    if (cuda >= row.cuda) return nvml::put_text(row.driver, version, length);
  return NVML_ERROR_UNKNOWN;
}

OUTBOARD_EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char* version, unsigned int length) {
  return driver() ? nvml::put_text("13.580.65.06", version, length) : NVML_ERROR_UNINITIALIZED;
}

OUTBOARD_EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* version) {
  const client::ManagementTable* found = nvml::table();  // answers before nvmlInit, too
  if (!version) return NVML_ERROR_INVALID_ARGUMENT;
  if (!found) return NVML_ERROR_DRIVER_NOT_LOADED;
  *version = found->driver_version();
  return NVML_SUCCESS;
}
OUTBOARD_EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* version) {
  return nvmlSystemGetCudaDriverVersion(version);
}

namespace {

nvmlReturn_t none_of_them(unsigned* count) {
  if (!driver()) return NVML_ERROR_UNINITIALIZED;
  if (!count) return NVML_ERROR_INVALID_ARGUMENT;
  *count = 0;
  return NVML_SUCCESS;
}

}  // namespace

OUTBOARD_EXPORT nvmlReturn_t nvmlUnitGetCount(unsigned int* count) { return none_of_them(count); }
OUTBOARD_EXPORT nvmlReturn_t nvmlGetExcludedDeviceCount(unsigned int* count) { return none_of_them(count); }
