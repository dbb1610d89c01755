// Modules name their kernels, because a client asks for them by name; nothing of them is ever run.
#include <cstring>
#include <optional>
#include <span>
#include <unordered_map>

#include "device/null/functions.h"
#include "device/null/state.h"
#include "device/software/ptx/parser.h"
#include "image/fatbin.h"
#include "image/wrapper.h"

namespace null_device {
namespace {

using image::begins_with;

struct Modules {
  std::mutex lock;
  std::unordered_map<CUmodule, std::unique_ptr<Module>> all;
};
Modules& modules() {
  static auto* made = new Modules;
  return *made;
}

// The text of any PTX in the container; a part without one adds nothing.
void add_ptx(const void* fatbin, std::vector<std::string>& texts) {
  auto entries = image::parse_fatbin({static_cast<const std::byte*>(fatbin), image::fatbin_extent(fatbin)});
  const image::Entry* entry = entries ? image::oldest_ptx(entries.value()) : nullptr;
  auto text = entry ? image::unpack(*entry) : base::Error{"no PTX"};
  if (text) texts.emplace_back(reinterpret_cast<const char*>(text.value().data()));
}

std::vector<std::string> texts_of(const void* image) {
  std::vector<std::string> texts;
  image::Wrapper wrapper{};
  if (begins_with(image, image::wrapper_magic)) {
    std::memcpy(&wrapper, image, sizeof wrapper);
    image = wrapper.data;
  }
  if (wrapper.version == image::link_version)
    for (auto* part = wrapper.parts; part && *part; ++part) add_ptx(*part, texts);
  else if (begins_with(image, image::container_magic))
    add_ptx(image, texts);
  else if (!begins_with(image, image::elf_magic))
    texts.emplace_back(static_cast<const char*>(image));
  return texts;
}

bool add(const ptx::Module& parsed, Module& module) {
  for (const ptx::Function& function : parsed.functions) {
    if (!function.is_entry || !function.defined) continue;
    auto kernel = std::make_unique<Kernel>();
    kernel->name = function.name;
    for (size_t i = 0; i < function.parameters.size(); ++i)
      kernel->parameters.emplace_back(function.parameter_offsets[i],
                                      static_cast<uint32_t>(function.parameters[i].size));
    module.kernels.push_back(std::move(kernel));
  }
  for (const ptx::Variable& variable : parsed.variables) {
    if (variable.is_extern || (variable.space != ptx::Space::global && variable.space != ptx::Space::constant))
      continue;
    uint64_t address = addresses().take(variable.size ? variable.size : 1);
    if (!address) return false;
    module.variables[variable.name] = {address, variable.size};
  }
  return true;
}

void report(const std::string& why, unsigned count, const CUjit_option* options, void** values) {
  char* buffer = nullptr;
  size_t room = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = static_cast<char*>(values[i]);
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) room = reinterpret_cast<size_t>(values[i]);
  }
  if (buffer && room) buffer[why.copy(buffer, room - 1)] = 0;
}

template <class Use>
CUresult with_module(CUmodule handle, Use use) {
  std::lock_guard hold(modules().lock);
  auto found = modules().all.find(handle);
  return found == modules().all.end() ? CUDA_ERROR_INVALID_HANDLE : use(*found->second);
}

const Kernel& kernel_of(CUfunction handle) { return *reinterpret_cast<const Kernel*>(handle); }

}  // namespace

Module::~Module() {
  for (const auto& [name, variable] : variables) addresses().give(variable.first);
}

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options,
                            void** optionValues) {
  std::vector<std::string> texts = texts_of(image);
  if (texts.empty()) {
    report("the image holds machine code alone, of which the null device knows no names", numOptions, options,
           optionValues);
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  auto made = std::make_unique<Module>();
  for (const std::string& text : texts) {
    ptx::Module parsed;
    ptx::Error error;
    if (!ptx::parse(text, parsed, error)) {
      report("line " + std::to_string(error.line) + ": " + error.text, numOptions, options, optionValues);
      return CUDA_ERROR_INVALID_PTX;
    }
    if (!add(parsed, *made)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *module = numbered<CUmodule>();
  std::lock_guard hold(modules().lock);
  modules().all[*module] = std::move(made);
  return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule hmod) {
  std::lock_guard hold(modules().lock);
  return modules().all.erase(hmod) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) {
  return with_module(mod, [&](Module& module) {
    *count = static_cast<unsigned>(module.kernels.size());
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  return with_module(mod, [&](Module& module) {
    for (size_t i = 0; i < std::min<size_t>(numFunctions, module.kernels.size()); ++i)
      functions[i] = reinterpret_cast<CUfunction>(module.kernels[i].get());
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  return with_module(hmod, [&](Module& module) {
    auto found = module.variables.find(name);
    if (found == module.variables.end()) return CUDA_ERROR_NOT_FOUND;
    if (dptr) *dptr = found->second.first;
    if (bytes) *bytes = found->second.second;
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetTexRef(CUtexref* reference, CUmodule, const char*) {
  return *reference = numbered<CUtexref>(), CUDA_SUCCESS;
}
CUresult cuModuleGetSurfRef(CUsurfref* reference, CUmodule, const char*) {
  return *reference = numbered<CUsurfref>(), CUDA_SUCCESS;
}

CUresult cuFuncGetName(const char** name, CUfunction hfunc) {
  return *name = kernel_of(hfunc).name.c_str(), CUDA_SUCCESS;
}

CUresult cuFuncGetParamInfo(CUfunction func, size_t index, size_t* offset, size_t* size) {
  const auto& parameters = kernel_of(func).parameters;
  if (index >= parameters.size()) return CUDA_ERROR_INVALID_VALUE;
  *offset = parameters[index].first;
  *size = parameters[index].second;
  return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction) {
  *pi = attrib == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK           ? 1024
        : attrib == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ? 48 << 10
                                                                    : 0;
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return CUDA_SUCCESS; }

}  // namespace null_device
