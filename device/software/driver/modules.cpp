// Modules: finds the PTX in whatever form the program hands over, and names what is in it.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

#include "base/log.h"
#include "device/software/driver/checking.h"
#include "device/software/driver/functions.h"
#include "device/software/driver/limits.h"
#include "device/software/driver/state.h"
#include "image/fatbin.h"
#include "image/wrapper.h"

namespace software {
namespace {

using image::begins_with;

// Where the caller wants the compiler's messages (CU_JIT_ERROR_LOG_BUFFER and its size, which is in and out).
struct JitLog {
  char* buffer = nullptr;
  size_t room = 0;
  void** used = nullptr;

  JitLog(unsigned count, const CUjit_option* options, void** values) {
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = static_cast<char*>(values[i]);
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) {
        used = &values[i];
        room = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(values[i]));
      }
      if (options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES) values[i] = nullptr;
    }
  }
  void write(const std::string& text) const {
    if (!buffer || room == 0) return;
    size_t size = std::min(text.size(), room - 1);
    std::memcpy(buffer, text.data(), size);
    buffer[size] = 0;
  }
  void finish(const std::string& text) const {
    write(text);
    if (used) *used = reinterpret_cast<void*>(text.empty() ? 0 : std::min(text.size() + 1, room));
  }
};

// The PTX in a fat binary that suits this device; null with a reason: there is none.
CUresult unpack(const void* fatbin, bool part, std::string& ptx, std::string& why) {
  auto entries = image::parse_fatbin({static_cast<const std::byte*>(fatbin), image::fatbin_extent(fatbin)});
  if (!entries) {
    why = entries.error();
    return CUDA_ERROR_INVALID_IMAGE;
  }
  Capability capability = claimed_capability();
  auto claimed = static_cast<uint32_t>(capability.major * 10 + capability.minor);
  const image::Entry* entry = image::choose_ptx(entries.value(), claimed);
  // Newer than we claim to be: it runs all the same. A part of a link must fit the others, though.
  if (!entry && !part) entry = image::oldest_ptx(entries.value());
  if (!entry) {
    why =
        "the fat binary holds machine code alone, which a software GPU cannot run; build it with PTX "
        "(nvcc -gencode arch=compute_XX,code=compute_XX), or see docs/packages.md for packages";
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  auto text = image::unpack(*entry);
  if (!text) {
    why = text.error();
    return CUDA_ERROR_INVALID_IMAGE;
  }
  ptx.assign(reinterpret_cast<const char*>(text.value().data()), text.value().size());
  ptx.resize(std::strlen(ptx.c_str()));  // without the final NULs
  return CUDA_SUCCESS;
}

// Parts to be linked: a null-terminated list of fat binaries. Those without PTX (libcudadevrt has none for most
// devices) are left out; what is missing then shows when it is used.
CUresult unpack_parts(const void* const* parts, std::vector<std::string>& texts, std::string& why) {
  for (; *parts; ++parts) {
    std::string ptx;
    CUresult result =
        begins_with(*parts, image::container_magic) ? unpack(*parts, true, ptx, why) : CUDA_ERROR_INVALID_IMAGE;
    if (result == CUDA_SUCCESS)
      texts.push_back(std::move(ptx));
    else if (result != CUDA_ERROR_NO_BINARY_FOR_GPU)
      return result;
  }
  return texts.empty() ? CUDA_ERROR_NO_BINARY_FOR_GPU : CUDA_SUCCESS;
}

// The PTX texts that `image` holds for this device: one, or those to be linked.
CUresult extract(const void* image, std::vector<std::string>& texts, std::string& why) {
  if (begins_with(image, image::wrapper_magic)) {
    image::Wrapper wrapper;
    std::memcpy(&wrapper, image, sizeof wrapper);
    if (wrapper.version == image::link_version && wrapper.parts) return unpack_parts(wrapper.parts, texts, why);
    if (!wrapper.data) return CUDA_ERROR_INVALID_IMAGE;
    image = wrapper.data;
  }
  if (begins_with(image, image::elf_magic)) {
    why =
        "the module holds machine code alone, which a software GPU cannot run; build it with PTX "
        "(nvcc -gencode arch=compute_XX,code=compute_XX), or see docs/packages.md for packages";
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  std::string& ptx = texts.emplace_back();
  if (begins_with(image, image::container_magic)) return unpack(image, false, ptx, why);
  ptx = static_cast<const char*>(image);
  why = "the image is neither a fat binary nor PTX text";
  return ptx.find(".version") == std::string::npos ? CUDA_ERROR_INVALID_IMAGE : CUDA_SUCCESS;
}

// Does the module lack a function of the device runtime (CUDA Programming Guide, "Dynamic Parallelism")? Says so then.
bool launches_from_device(std::string& why) {
  constexpr std::string_view functions[] = {"__cudaCDP2", "cudaLaunchDevice", "cudaGetParameterBuffer",
                                            "cudaGraphLaunch", "cudaDeviceSynchronize"};
  auto missing = [&](std::string_view name) { return why.find("no function " + std::string(name)) != why.npos; };
  if (std::ranges::none_of(functions, missing)) return false;
  why +=
      ": it belongs to dynamic parallelism (kernels that launch kernels or graphs), which the software GPU does not "
      "do; "
      "launch from the host";
  return true;
}

CUresult build(std::span<const std::string> texts, Context& context, std::shared_ptr<Module>& module,
               std::string& why) {
  auto made = std::make_shared<Module>();
  made->context = &context;
  bool full = false;
  auto allocate = [&](uint64_t size, uint64_t alignment) {
    uint64_t address = device().memory->allocate(size ? size : 1, MemoryKind::module, &context, alignment);
    if (address) made->variables.push_back(address);
    full = full || !address;
    return address;
  };
  auto program = compile(texts, allocate);
  if (!program) {
    for (uint64_t address : made->variables) device().memory->free(address);
    why = program.error();
    if (full) return CUDA_ERROR_OUT_OF_MEMORY;
    return launches_from_device(why) ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_PTX;
  }
  made->program = std::move(program.value());
  for (size_t i = 0; i < made->program->kernels().size(); ++i) {
    auto function = std::make_unique<Function>();
    function->module = made.get();
    function->index = i;
    function->max_dynamic_shared = std::max(0, limit::shared - static_cast<int>(function->kernel().static_shared));
    made->functions.push_back(std::move(function));
  }
  note_module(*made->program);
  make_references(*made);
  module = std::move(made);
  return CUDA_SUCCESS;
}

CUresult load(CUmodule* handle, const void* image, const JitLog& log) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  if (!handle || !image) return CUDA_ERROR_INVALID_VALUE;
  std::vector<std::string> texts;
  std::string why;
  std::shared_ptr<Module> module;
  CUresult result = extract(image, texts, why);
  if (result == CUDA_SUCCESS) result = build(texts, *context, module, why);
  log.finish(result ? why : "");
  if (result) {
    base::log(base::Level::error, "module cannot be loaded", {{"reason", why}});
    return result;
  }
  for (const auto& function : module->functions)
    device().functions.add(std::shared_ptr<Function>(module, function.get()));
  for (const auto& reference : module->references)
    device().texture_references.add(std::shared_ptr<TextureReference>(module, reference.get()));
  *handle = reinterpret_cast<CUmodule>(device().modules.add(std::move(module)));
  return CUDA_SUCCESS;
}

CUresult find(CUmodule handle, std::shared_ptr<Module>& module) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  module = device().modules.find(handle);
  return module ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult find_reference(const void* result, CUmodule handle, const char* name, bool surface, TextureReference*& found) {
  std::shared_ptr<Module> module;
  if (CUresult bad = find(handle, module)) return bad;
  if (!result || !name) return CUDA_ERROR_INVALID_VALUE;
  for (const auto& reference : module->references)
    if (reference->name == name && reference->is_surface == surface) found = reference.get();
  return found ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

}  // namespace

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options,
                            void** optionValues) {
  if (numOptions && (!options || !optionValues)) return CUDA_ERROR_INVALID_VALUE;
  return load(module, image, JitLog(numOptions, options, optionValues));
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return load(module, image, JitLog(0, nullptr, nullptr));
}

CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) {
  return load(module, fatCubin, JitLog(0, nullptr, nullptr));
}

CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  if (!fname) return CUDA_ERROR_INVALID_VALUE;
  std::ifstream file(fname, std::ios::binary);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  bytes.append(sizeof(image::Wrapper), '\0');
  // The container's own header says how long it is; the file must be that long.
  if (image::fatbin_extent(bytes.data()) > bytes.size()) return CUDA_ERROR_INVALID_IMAGE;
  return load(module, bytes.data(), JitLog(0, nullptr, nullptr));
}

CUresult cuModuleUnload(CUmodule hmod) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter_failed(context)) return bad;
  std::shared_ptr<Module> module = device().modules.remove(hmod);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  context->wait_all();
  context->flush();
  device().functions.remove_if([&](const Function& function) { return function.module == module.get(); });
  for (const auto& reference : module->references) device().texture_references.remove(reference.get());
  module->program.reset();
  for (uint64_t address : module->variables) device().memory->free(address);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  if (!mode) return CUDA_ERROR_INVALID_VALUE;
  *mode = CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  std::shared_ptr<Module> module;
  if (CUresult bad = find(hmod, module)) return bad;
  if (!hfunc || !name) return CUDA_ERROR_INVALID_VALUE;
  for (const auto& function : module->functions) {
    if (function->kernel().name != name) continue;
    *hfunc = reinterpret_cast<CUfunction>(function.get());
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) {
  std::shared_ptr<Module> module;
  if (CUresult bad = find(mod, module)) return bad;
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = static_cast<unsigned>(module->functions.size());
  return CUDA_SUCCESS;
}

CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  std::shared_ptr<Module> module;
  if (CUresult bad = find(mod, module)) return bad;
  if (!functions || numFunctions == 0) return CUDA_ERROR_INVALID_VALUE;
  size_t count = std::min<size_t>(numFunctions, module->functions.size());
  for (size_t i = 0; i < count; ++i) functions[i] = reinterpret_cast<CUfunction>(module->functions[i].get());
  return CUDA_SUCCESS;
}

CUresult cuModuleGetTexRef(CUtexref* pTexRef, CUmodule hmod, const char* name) {
  TextureReference* found = nullptr;
  if (CUresult bad = find_reference(pTexRef, hmod, name, false, found)) return bad;
  *pTexRef = reinterpret_cast<CUtexref>(found);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetSurfRef(CUsurfref* pSurfRef, CUmodule hmod, const char* name) {
  TextureReference* found = nullptr;
  if (CUresult bad = find_reference(pSurfRef, hmod, name, true, found)) return bad;
  *pSurfRef = reinterpret_cast<CUsurfref>(found);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  std::shared_ptr<Module> module;
  if (CUresult bad = find(hmod, module)) return bad;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  for (const auto& variable : module->program->variables()) {
    if (variable.name != name) continue;
    if (dptr) *dptr = variable.address;
    if (bytes) *bytes = variable.size;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

}  // namespace software
