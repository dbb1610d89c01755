// Modules and libraries: images go to the device, which describes what is in them; everything asked about a function
// afterwards is answered from that description.
#include "client/cuda/coherence.h"
#include "client/cuda/modules.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "api/cuda/description.h"
#include "client/cuda/functions.h"
#include "client/cuda/image_sending.h"
#include "client/cuda/images.h"
#include "client/cuda/memory_map.h"
#include "client/session.h"
#include "wire/reader.h"

namespace {

using client::Function;
using client::Module;
namespace description = api::description;

struct Kernel;
struct Library {
  const void* image;
  std::vector<std::byte> copy;  // of an image whose memory the program may reuse
  std::map<client::Context*, Module*> modules;
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
};
struct Kernel {
  Library* library;
  std::string name;
};

std::recursive_mutex lock;
template <class T>
std::set<T*>& known() {
  static auto* set = new std::set<T*>;
  return *set;
}
template <class T>
T* find(const void* handle) {
  std::lock_guard hold(lock);
  auto* object = static_cast<T*>(const_cast<void*>(handle));
  return known<T>().contains(object) ? object : nullptr;
}
template <class T>
T* keep(T* object) {
  std::lock_guard hold(lock);
  known<T>().insert(object);
  return object;
}

bool take_function(wire::Reader& reader, Module& module, uint64_t number) {
  auto record = reader.get<description::FunctionRecord>();
  auto function = std::make_unique<Function>();
  if (!reader.ok() || record.parameters > 4096) return false;
  auto* parameters = static_cast<const description::ParameterRecord*>(
      reader.take(record.parameters * sizeof(description::ParameterRecord)));
  auto* name = static_cast<const char*>(reader.take(record.name_length));
  if (!reader.ok()) return false;
  function->number = number;
  function->module = &module;
  function->name.assign(name, record.name_length);
  function->parameter_bytes = record.parameter_bytes;
  for (uint32_t i = 0; i < record.parameters; ++i) {
    if (parameters[i].offset > record.parameter_bytes ||
        parameters[i].size > record.parameter_bytes - parameters[i].offset)
      return false;
    function->parameters.push_back({parameters[i].offset, parameters[i].size});
  }
  std::memcpy(function->attributes, record.attributes, sizeof function->attributes);
  module.functions.push_back(std::move(function));
  return true;
}

bool take_variable(wire::Reader& reader, Module& module) {
  auto record = reader.get<description::VariableRecord>();
  auto* name = static_cast<const char*>(reader.take(record.name_length));
  if (!reader.ok()) return false;
  module.known_variables[{name, record.name_length}] = {record.address, record.size};
  return true;
}

bool take_description(std::span<std::byte> bytes, Module& module, uint64_t first) {
  wire::Reader reader(bytes);
  auto header = reader.get<description::Header>();
  for (uint32_t i = 0; reader.ok() && i < header.functions; ++i)
    if (!take_function(reader, module, first + i)) return false;
  for (uint32_t i = 0; reader.ok() && i < header.variables; ++i)
    if (!take_variable(reader, module)) return false;
  return reader.ok();
}

CUresult load(Module** loaded, const void* image, unsigned count = 0, CUjit_option* options = nullptr,
              void** values = nullptr) {
  if (CUresult result = client::require_context()) return result;
  if (!image) return CUDA_ERROR_INVALID_VALUE;
  client::Image read = client::read_image(image, client::facts_of(client::current()->device));
  if (!read.data) return CUDA_ERROR_INVALID_IMAGE;
  constexpr size_t numbers = 65536;
  uint64_t first = client::new_number(numbers);
  CUmodule number = nullptr;
  client::LoadReply reply;
  CUresult result = client::send_image(read, &number, first, reply);
  if (result) client::report_log(reply.log, count, options, values);
  if (result) return result;
  auto module = std::make_unique<Module>();
  module->number = reinterpret_cast<uint64_t>(number);
  module->context = client::current();
  if (!take_description(reply.description, *module, first)) return CUDA_ERROR_UNKNOWN;
  for (auto& function : module->functions) keep(function.get());
  *loaded = keep(module.release());
  return CUDA_SUCCESS;
}

Function* function_named(Module& module, const std::string& name) {
  for (auto& function : module.functions)
    if (function->name == name) return function.get();
  return nullptr;
}

CUresult library_module(Library& library, Module** module) {
  if (CUresult result = client::require_context()) return result;
  std::lock_guard hold(lock);
  Module*& here = library.modules[client::current()];
  if (!here || !here->number)
    if (CUresult result = load(&here, library.image)) return result;
  *module = here;
  return CUDA_SUCCESS;
}

CUmodule handle(Module* module) { return reinterpret_cast<CUmodule>(module); }
CUmodule remote_handle(const Module& module) { return reinterpret_cast<CUmodule>(module.number); }

std::vector<char> whole_file(const char* name, bool& read) {
  std::ifstream file(name, std::ios::binary);
  read = file.good();
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  bytes.push_back(0);
  return bytes;
}

CUresult global(Module& module, const char* name, CUdeviceptr* address, size_t* size) {
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  CUdeviceptr found = 0;
  size_t bytes = 0;
  if (auto known = module.known_variables.find(name); known != module.known_variables.end())
    std::tie(found, bytes) = known->second;
  else if (CUresult result = remote::obModuleGlobal(remote_handle(module), name, &found, &bytes))
    return result;
  if (!client::find_range(found)) {
    client::remember({found, bytes, client::Kind::device, module.context, 0, nullptr});
    module.variables.push_back(found);
  }
  if (address) *address = found;
  if (size) *size = bytes;
  return CUDA_SUCCESS;
}

}  // namespace

client::Module* client::find_module(CUmodule handle) {
  auto* module = find<Module>(handle);
  return module && module->number ? module : nullptr;
}

client::Function* client::find_function(CUfunction handle) {
  if (auto* function = find<Function>(handle)) return function->module->number ? function : nullptr;
  auto* kernel = find<Kernel>(handle);
  Module* module = nullptr;
  if (!kernel || library_module(*kernel->library, &module)) return nullptr;
  return function_named(*module, kernel->name);
}

void client::forget_modules(const Context& context) {
  std::lock_guard hold(lock);
  for (Module* module : known<Module>())
    if (module->context == &context) module->number = 0;
}

CUkernel client::kernel_of(const Function& function) {
  std::lock_guard hold(lock);
  for (const Library* library : known<Library>()) {
    auto module = library->modules.find(function.module->context);
    auto kernel = library->kernels.find(function.name);
    if (module != library->modules.end() && module->second == function.module && kernel != library->kernels.end())
      return reinterpret_cast<CUkernel>(kernel->second.get());
  }
  return nullptr;
}

OUTBOARD_EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return load(reinterpret_cast<Module**>(module), image);
}

OUTBOARD_EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions,
                                            CUjit_option* options, void** optionValues) {
  return load(reinterpret_cast<Module**>(module), image, numOptions, options, optionValues);
}

OUTBOARD_EXPORT CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) {
  return load(reinterpret_cast<Module**>(module), fatCubin);
}

OUTBOARD_EXPORT CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  bool read = false;
  auto bytes = whole_file(fname, read);
  if (!read) return CUDA_ERROR_FILE_NOT_FOUND;
  return load(reinterpret_cast<Module**>(module), bytes.data());
}

OUTBOARD_EXPORT CUresult cuModuleUnload(CUmodule hmod) {
  if (CUresult result = client::require_context()) return result;
  Module* module = client::find_module(hmod);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  CUmodule number = remote_handle(*module);
  module->number = 0;
  for (uint64_t variable : module->variables) client::forget(variable);
  module->variables.clear();
  return remote::obModuleUnload(number);
}

OUTBOARD_EXPORT CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  Module* module = client::find_module(hmod);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  if (!hfunc || !name) return CUDA_ERROR_INVALID_VALUE;
  Function* function = function_named(*module, name);
  if (!function) return CUDA_ERROR_NOT_FOUND;
  *hfunc = reinterpret_cast<CUfunction>(function);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) {
  Module* module = client::find_module(mod);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  *count = static_cast<unsigned>(module->functions.size());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  Module* module = client::find_module(mod);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  if (!functions) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < std::min<size_t>(numFunctions, module->functions.size()); ++i)
    functions[i] = reinterpret_cast<CUfunction>(module->functions[i].get());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  if (CUresult result = client::require_context()) return result;
  Module* module = client::find_module(hmod);
  return module ? global(*module, name, dptr, bytes) : CUDA_ERROR_INVALID_HANDLE;
}

OUTBOARD_EXPORT CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  *mode = CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}

// --- libraries: a module per context, loaded when something of it is needed

OUTBOARD_EXPORT CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option*, void**, unsigned int,
                                           CUlibraryOption* libraryOptions, void** libraryOptionValues,
                                           unsigned int numLibraryOptions) {
  if (!client::initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  if (!library || !code) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_unique<Library>();
  bool preserved = false;
  for (unsigned i = 0; i < numLibraryOptions; ++i)
    if (libraryOptions[i] == CU_LIBRARY_BINARY_IS_PRESERVED) preserved = libraryOptionValues && libraryOptionValues[i];
  made->image = code;
  if (!preserved) {
    client::Image read = client::read_image(code, client::facts_of(0));  // no context yet; devices are alike
    if (!read.data) return CUDA_ERROR_INVALID_IMAGE;
    const auto* bytes = static_cast<const std::byte*>(read.data);
    made->copy = read.own.empty() ? std::vector<std::byte>(bytes, bytes + read.size) : std::move(read.own);
    made->image = made->copy.data();
  }
  *library = reinterpret_cast<CUlibrary>(keep(made.release()));
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions,
                                               void** jitOptionsValues, unsigned int numJitOptions, CUlibraryOption*,
                                               void**, unsigned int) {
  bool read = false;
  if (!fileName) return CUDA_ERROR_INVALID_VALUE;
  auto bytes = whole_file(fileName, read);
  if (!read) return CUDA_ERROR_FILE_NOT_FOUND;
  return cuLibraryLoadData(library, bytes.data(), jitOptions, jitOptionsValues, numJitOptions, nullptr, nullptr, 0);
}

OUTBOARD_EXPORT CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary lib) {
  CUmodule module = nullptr;
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = cuLibraryGetModule(&module, lib)) return result;
  return cuModuleGetFunctionCount(count, module);
}

OUTBOARD_EXPORT CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  Module* module = nullptr;
  if (!kernels) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult result = cuLibraryGetModule(reinterpret_cast<CUmodule*>(&module), lib)) return result;
  for (size_t i = 0; i < std::min<size_t>(numKernels, module->functions.size()); ++i)
    if (CUresult result = cuLibraryGetKernel(&kernels[i], lib, module->functions[i]->name.c_str())) return result;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLibraryUnload(CUlibrary library) {
  auto* found = find<Library>(library);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  for (auto& [context, module] : found->modules)
    if (module && module->number && context == client::current()) cuModuleUnload(handle(module));
  std::lock_guard hold(lock);
  known<Library>().erase(found);
  for (auto& [name, kernel] : found->kernels) known<Kernel>().erase(kernel.get());
  delete found;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  auto* found = find<Library>(library);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  return library_module(*found, reinterpret_cast<Module**>(pMod));
}

OUTBOARD_EXPORT CUresult cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  auto* found = find<Library>(library);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!pKernel || !name) return CUDA_ERROR_INVALID_VALUE;
  // Kernels need no context (CUDA Driver API, "Library Management"), and cudart asks for them before it has one: then
  // the name is checked when the kernel is first used.
  if (client::require_context() == CUDA_SUCCESS) {
    Module* module = nullptr;
    if (CUresult result = library_module(*found, &module)) return result;
    if (!function_named(*module, name)) return CUDA_ERROR_NOT_FOUND;
  }
  std::lock_guard hold(lock);
  auto& kernel = found->kernels[name];
  if (!kernel) kernel.reset(new Kernel{found, name}), keep(kernel.get());
  *pKernel = reinterpret_cast<CUkernel>(kernel.get());
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  auto* found = find<Library>(library);
  Module* module = nullptr;
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult result = library_module(*found, &module)) return result;
  return global(*module, name, dptr, bytes);
}

// cudart asks for managed variables while it starts, when no context is current: then the first device's primary
// context holds them, and stays.
OUTBOARD_EXPORT CUresult cuLibraryGetManaged(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  CUcontext primary = nullptr;
  if (!client::current()) {
    if (CUresult result = cuDevicePrimaryCtxRetain(&primary, 0)) return result;
    if (CUresult result = cuCtxPushCurrent_v2(primary)) return result;
  }
  CUdeviceptr address = 0;
  size_t size = 0;
  CUresult result = cuLibraryGetGlobal(&address, &size, library, name);
  auto known = client::find_range(address);
  if (result == CUDA_SUCCESS && (!known || known->kind != client::Kind::managed)) {
    client::remember({address, size, client::Kind::managed, client::current(), CU_MEM_ATTACH_GLOBAL, nullptr});
    result = client::share_managed(address, size, true);
  }
  if (primary) cuCtxPopCurrent_v2(&primary);
  if (dptr) *dptr = address;
  if (bytes) *bytes = size;
  return result;
}

OUTBOARD_EXPORT CUresult cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  Function* function = client::find_function(reinterpret_cast<CUfunction>(kernel));
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  *pFunc = reinterpret_cast<CUfunction>(function);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuKernelGetLibrary(CUlibrary* pLib, CUkernel kernel) {
  auto* found = find<Kernel>(kernel);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  *pLib = reinterpret_cast<CUlibrary>(found->library);
  return CUDA_SUCCESS;
}
