#include "client/compilers/nvjitlink.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/compilers/lookup.h"
#include "image/bundle.h"
#include "image/container.h"

namespace compilers {
namespace {

// nvJitLinkResult, nvJitLinkHandle and nvJitLinkInputType of nvJitLink.h, which a build without the toolkit lacks.
using Result = int;
using Handle = void*;
constexpr Result success = 0, internal_error = 6;
enum Input { input_cubin = 1, input_ptx = 2, input_lto = 3, input_fatbin = 4, input_any = 10 };

// What a link was given besides what NVIDIA's library keeps.
struct Link {
  bool lto = false;           // -lto: the library makes PTX of its LTO IR
  bool wants_ptx = false;     // -ptx: the program asks for PTX itself
  bool machine_code = false;  // no PTX can take its place
  bool lto_inputs = false;
  std::vector<std::vector<std::byte>> parts;  // fat binaries with PTX
  std::vector<std::byte> image;               // once it is complete
};

struct Links {
  std::mutex lock;
  std::map<Handle, Link> all;
};
Links& links() {  // leaked on purpose: code that runs at exit still uses it
  static auto* the = new Links;
  return *the;
}

int input_of(std::string_view bytes) {
  uint32_t first = 0;
  std::memcpy(&first, bytes.data(), std::min(bytes.size(), sizeof first));
  if (first == image::container_magic) return input_fatbin;
  return bytes.find(".version") != std::string_view::npos && bytes.find('\0') >= bytes.size() - 1 ? input_ptx : 0;
}

void keep(Handle handle, int type, std::string_view bytes) {
  std::lock_guard hold(links().lock);
  auto found = links().all.find(handle);
  if (found == links().all.end()) return;
  if (type == input_any) type = input_of(bytes);
  Link& link = found->second;
  link.machine_code |= type == input_cubin;
  link.lto_inputs |= type == input_lto;
  if (type == input_ptx) link.parts.push_back(image::wrap_ptx(bytes.substr(0, bytes.find('\0'))));
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  if (type == input_fatbin) link.parts.emplace_back(first, first + bytes.size());
}

// NVIDIA's own functions, of one of the libraries.
template <size_t library>
struct Original {
  template <typename... Arguments>
  static Result call(const char* name, Arguments... arguments) {
    auto function = reinterpret_cast<Result (*)(Arguments...)>(function_of(nvjitlink, library, name));
    return function ? function(arguments...) : internal_error;
  }
};

template <size_t library>
Result create(Handle* handle, uint32_t count, const char** options) {
  Link link;
  std::vector<const char*> given(options, options + (options ? count : 0));
  for (std::string_view option : given) {
    link.lto |= option == "-lto";
    link.wants_ptx |= option == "-ptx";
  }
  if (link.lto && !link.wants_ptx) given.push_back("-ptx");  // the library makes one or the other
  Result result = Original<library>::call("nvJitLinkCreate", handle, static_cast<uint32_t>(given.size()), given.data());
  if (result) return result;
  std::lock_guard hold(links().lock);
  links().all[*handle] = std::move(link);
  return success;
}

template <size_t library>
Result destroy(Handle* handle) {
  if (handle) {
    std::lock_guard hold(links().lock);
    links().all.erase(*handle);
  }
  return Original<library>::call("nvJitLinkDestroy", handle);
}

template <size_t library>
Result add_data(Handle handle, int type, const void* data, size_t size, const char* name) {
  Result result = Original<library>::call("nvJitLinkAddData", handle, type, data, size, name);
  if (!result && data) keep(handle, type, {static_cast<const char*>(data), size});
  return result;
}

template <size_t library>
Result add_file(Handle handle, int type, const char* path) {
  Result result = Original<library>::call("nvJitLinkAddFile", handle, type, path);
  if (result || !path) return result;
  std::ifstream file(path, std::ios::binary);
  keep(handle, type, std::string{std::istreambuf_iterator<char>(file), {}});
  return result;
}

// What LTO made of the LTO IR; empty: there was none, or it failed.
template <size_t library>
std::vector<std::byte> lto_result(Handle handle) {
  size_t size = 0;
  if (Original<library>::call("nvJitLinkGetLinkedPtxSize", handle, &size) || !size) return {};
  std::string text(size, '\0');
  if (Original<library>::call("nvJitLinkGetLinkedPtx", handle, text.data())) return {};
  return image::wrap_ptx(std::string_view(text).substr(0, text.find('\0')));
}

template <size_t library>
Result complete(Handle handle) {
  if (Result result = Original<library>::call("nvJitLinkComplete", handle)) return result;
  std::lock_guard hold(links().lock);
  auto found = links().all.find(handle);
  if (found == links().all.end() || found->second.machine_code) return success;
  Link& link = found->second;
  if (link.lto)
    if (auto made = lto_result<library>(handle); !made.empty()) link.parts.push_back(std::move(made));
  if (!link.parts.empty()) link.image = image::bundle({link.parts.begin(), link.parts.end()});
  return success;
}

// Calls `use` with the image of that link; false: it has none of ours.
template <typename Use>
bool with_image(Handle handle, Use use) {
  std::lock_guard hold(links().lock);
  auto found = links().all.find(handle);
  if (found == links().all.end() || found->second.image.empty()) return false;
  use(found->second.image);
  return true;
}

template <size_t library>
Result cubin_size(Handle handle, size_t* size) {
  if (size && with_image(handle, [&](const auto& image) { *size = image.size(); })) return success;
  return Original<library>::call("nvJitLinkGetLinkedCubinSize", handle, size);
}

template <size_t library>
Result cubin(Handle handle, void* code) {
  if (code && with_image(handle, [&](const auto& image) { std::memcpy(code, image.data(), image.size()); }))
    return success;
  return Original<library>::call("nvJitLinkGetLinkedCubin", handle, code);
}

struct StandIn {
  const char* name;
  std::array<void*, most_libraries> of;
};

template <size_t... library>
std::array<StandIn, 7> table(std::index_sequence<library...>) {
  return {{{"Create", {reinterpret_cast<void*>(&create<library>)...}},
           {"Destroy", {reinterpret_cast<void*>(&destroy<library>)...}},
           {"AddData", {reinterpret_cast<void*>(&add_data<library>)...}},
           {"AddFile", {reinterpret_cast<void*>(&add_file<library>)...}},
           {"Complete", {reinterpret_cast<void*>(&complete<library>)...}},
           {"GetLinkedCubinSize", {reinterpret_cast<void*>(&cubin_size<library>)...}},
           {"GetLinkedCubin", {reinterpret_cast<void*>(&cubin<library>)...}}}};
}

// Create of nvJitLinkCreate, and of __nvJitLinkCreate_13_0, which the header's inline functions call.
std::string_view function_name(std::string_view name) {
  bool versioned = name.starts_with("__");
  if (versioned) name.remove_prefix(2);
  if (!name.starts_with("nvJitLink")) return {};
  name.remove_prefix(std::strlen("nvJitLink"));
  return versioned ? name.substr(0, name.find('_')) : name;
}

}  // namespace

void* stand_in_for_nvjitlink(const char* name, void* original) {
  static const auto stand_ins = table(std::make_index_sequence<most_libraries>());
  for (const StandIn& each : stand_ins) {
    if (function_name(name) != each.name) continue;
    size_t library = library_of(nvjitlink, original);
    return library == most_libraries ? nullptr : each.of[library];
  }
  return nullptr;
}

}  // namespace compilers
