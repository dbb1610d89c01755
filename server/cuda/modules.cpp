// Modules: loaded through the device's own functions, described for the client, kernels numbered.
#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <unordered_map>
#include <mutex>
#include <vector>

#include "api/cuda/description.h"
#include "api/roles.h"
#include "image/bundle.h"
#include "image/fatbin.h"
#include "image/wrapper.h"
#include "image/variables.h"
#include "server/cuda/worker.h"

namespace worker {
namespace {

namespace description = api::description;

// What a module was described as, and the numbers its kernels got; kept until it is unloaded.
struct Loaded {
  std::vector<std::byte> description;
  uint64_t first_function = 0, functions = 0;
  std::set<CUdeviceptr> variables;  // that the client knows of
};
constexpr size_t most_variables = 4096;  // others are asked for by name
std::mutex lock;
std::unordered_map<CUmodule, Loaded> loaded;

void append(std::vector<std::byte>& bytes, const void* data, size_t size) {
  size_t start = bytes.size();
  bytes.resize(start + (size + 7) / 8 * 8);
  if (size) std::memcpy(bytes.data() + start, data, size);
}

CUresult describe_function(CUfunction function, std::vector<std::byte>& bytes) {
  const device::Driver& driver = session().driver();
  const char* name = "";
  if (CUresult result = driver.cuFuncGetName(&name, function)) return result;
  std::vector<description::ParameterRecord> parameters;
  description::FunctionRecord record{};
  for (size_t offset, size; driver.cuFuncGetParamInfo(function, parameters.size(), &offset, &size) == CUDA_SUCCESS;) {
    parameters.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(size)});
    record.parameter_bytes = static_cast<uint32_t>(std::max<size_t>(record.parameter_bytes, offset + size));
  }
  record.name_length = static_cast<uint32_t>(std::strlen(name));
  record.parameters = static_cast<uint32_t>(parameters.size());
  for (int i = 0; i < 16; ++i)
    driver.cuFuncGetAttribute(&record.attributes[i], static_cast<CUfunction_attribute>(i), function);
  append(bytes, &record, sizeof record);
  append(bytes, parameters.data(), parameters.size() * sizeof parameters[0]);
  append(bytes, name, record.name_length);
  return CUDA_SUCCESS;
}

void make_known(Loaded& entry, CUdeviceptr variable, size_t size) {
  if (entry.variables.insert(variable).second) session().expose(variable, size);
}

// The driver lists no variables, so it is asked for those that the image's PTX declares.
uint32_t describe_variables(CUmodule module, std::span<const std::byte> image, Loaded& entry) {
  std::vector<std::byte>& bytes = entry.description;
  uint32_t count = 0;
  for (const std::string& name : image::variables_of(image, most_variables)) {
    description::VariableRecord record{};
    CUdeviceptr address = 0;
    size_t size = 0;
    if (session().driver().cuModuleGetGlobal_v2(&address, &size, module, name.c_str())) continue;
    record.address = address;
    record.size = size;
    record.name_length = static_cast<uint32_t>(name.size());
    append(bytes, &record, sizeof record);
    append(bytes, name.data(), name.size());
    make_known(entry, address, size);
    ++count;
  }
  return count;
}

CUresult describe(CUmodule module, std::span<const std::byte> image, uint64_t first, Loaded& entry) {
  const device::Driver& driver = session().driver();
  unsigned count = 0;
  if (CUresult result = driver.cuModuleGetFunctionCount(&count, module)) return result;
  std::vector<CUfunction> functions(count);
  if (count)
    if (CUresult result = driver.cuModuleEnumerateFunctions(functions.data(), count, module)) return result;
  description::Header header{count, 0};
  append(entry.description, &header, sizeof header);
  for (CUfunction function : functions)
    if (CUresult result = describe_function(function, entry.description)) return result;
  header.variables = describe_variables(module, image, entry);
  std::memcpy(entry.description.data(), &header, sizeof header);
  entry.first_function = first;
  for (CUfunction function : functions) {
    if (!session().add(first + entry.functions, &api::type_of<CUfunction>, function)) return CUDA_ERROR_INVALID_VALUE;
    ++entry.functions;
  }
  return CUDA_SUCCESS;
}

void forget(const Loaded& entry) {
  for (uint64_t i = 0; i < entry.functions; ++i) session().remove(entry.first_function + i);
  for (CUdeviceptr variable : entry.variables) session().withdraw(variable);
}

}  // namespace

namespace {

// Devices take an image's word for where it ends; it must end within what the client sent.
bool ends_within(const void* image, size_t size) {
  uint32_t magic = 0;
  if (size >= sizeof magic) std::memcpy(&magic, image, sizeof magic);
  if (magic == image::container_magic) return size >= 16 && image::fatbin_extent(image) <= size;
  if (magic == image::wrapper_magic) return false;  // it names addresses, which a client has no business with
  if (magic == image::elf_magic) return size >= 64 && image::elf_extent(image, size) != 0;
  return std::memchr(image, 0, size) != nullptr;
}

CUresult load(CUmodule* module, const void* image, size_t size, unsigned count, CUjit_option* options, void** values) {
  const device::Driver& driver = session().driver();
  auto parts = image::unbundle({static_cast<const std::byte*>(image), size});
  if (!parts && !ends_within(image, size)) return CUDA_ERROR_INVALID_IMAGE;
  if (!parts) return driver.cuModuleLoadDataEx(module, image, count, options, values);
  std::vector<const void*> list;
  for (const auto& part : parts.value()) {
    if (part.size() < 16 || image::fatbin_extent(part.data()) > part.size()) return CUDA_ERROR_INVALID_IMAGE;
    list.push_back(part.data());
  }
  if (list.empty()) return CUDA_ERROR_INVALID_IMAGE;
  list.push_back(nullptr);
  std::vector<std::byte> nothing = image::make_fatbin(image::Kind::ptx, 0, {});
  nothing.resize(16);
  std::memset(nothing.data() + 8, 0, 8);  // a container without entries
  const image::Wrapper wrapper{image::wrapper_magic, image::link_version, nothing.data(), list.data()};
  return driver.cuModuleLoadDataEx(module, &wrapper, count, options, values);
}

// What the client is told of a module.
struct Answer {
  size_t* described;
  void* description;
  size_t room;
  size_t* logged;
  void* log;
  size_t log_room;
};

CUresult load_and_describe(CUmodule* module, uint64_t first_function, std::span<const std::byte> image, Answer answer) {
  std::string messages(4096, 0);
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {messages.data(), reinterpret_cast<void*>(messages.size())};
  CUresult result = load(module, image.data(), image.size(), 2, options, values);
  *answer.logged = std::min(std::strlen(messages.c_str()), answer.log_room);
  std::memcpy(answer.log, messages.data(), *answer.logged);
  *answer.described = 0;
  if (result) return result;
  Loaded entry;
  if ((result = describe(*module, image, first_function, entry))) {
    forget(entry);
    session().driver().cuModuleUnload(*module);
    return result;
  }
  *answer.described = entry.description.size();
  std::memcpy(answer.description, entry.description.data(), std::min(entry.description.size(), answer.room));
  std::lock_guard hold(lock);
  loaded[*module] = std::move(entry);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult obModuleLoad(CUmodule* module, uint64_t first_function, const void* bundle, size_t size, size_t* described,
                      void* text, size_t room, size_t* logged, void* log, size_t log_room) {
  std::span image(static_cast<const std::byte*>(bundle), size);
  CUresult result = load_and_describe(module, first_function, image, {described, text, room, logged, log, log_room});
  if (result == CUDA_SUCCESS && size >= known_image_from) session().keep_image(image);
  return result;
}

CUresult obModuleLoadKnown(CUmodule* module, uint64_t first_function, const ImageDigest* digest, size_t* described,
                           void* text, size_t room, size_t* logged, void* log, size_t log_room) {
  *described = *logged = 0;
  auto image = session().kept_image(*digest);
  if (!image) return CUDA_ERROR_NOT_FOUND;
  return load_and_describe(module, first_function, std::as_bytes(std::span(*image)),
                           {described, text, room, logged, log, log_room});
}

CUresult obModuleDescribe(CUmodule module, size_t offset, void* text, size_t size) {
  std::lock_guard hold(lock);
  auto found = loaded.find(module);
  if (found == loaded.end()) return CUDA_ERROR_INVALID_HANDLE;
  const auto& bytes = found->second.description;
  if (offset > bytes.size() || size > bytes.size() - offset) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(text, bytes.data() + offset, size);
  return CUDA_SUCCESS;
}

CUresult obModuleGlobal(CUmodule module, const char* name, CUdeviceptr* address, size_t* size) {
  if (CUresult result = session().driver().cuModuleGetGlobal_v2(address, size, module, name)) return result;
  std::lock_guard hold(lock);
  auto found = loaded.find(module);
  if (found != loaded.end()) make_known(found->second, *address, *size);
  return CUDA_SUCCESS;
}

CUresult obModuleUnload(CUmodule module) {
  {
    std::lock_guard hold(lock);
    auto found = loaded.find(module);
    if (found != loaded.end()) {
      forget(found->second);
      loaded.erase(found);
    }
  }
  return session().driver().cuModuleUnload(module);
}

}  // namespace worker
