// A stand-in for nvJitLink (CUDA Toolkit documentation, "nvJitLink"): links PTX for a device that runs PTX. The real
// one makes machine code, which a software GPU cannot run. The "cubin" given back is a bundle of the parts
// (image/bundle.h), as that of cuLinkComplete is; what cannot be linked shows when it is loaded. `outboard run`
// preloads this library for Python where the device is such a one (cli/packages.cpp). LTO-IR is refused; so that nobody
// makes it, there is no nvJitLinkVersion: cuda.core and numba-cuda take a library without it for one too old to be
// used, and give PTX to the driver's linker.
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "image/bundle.h"
#include "image/fatbin.h"

namespace {

// nvJitLink.h
enum Result : int { success = 0, invalid_input = 4, finalize_failed = 10, null_input = 11, wrong_type = 13 };
enum Input : int {
  none,
  cubin,
  ptx,
  lto_ir,
  fatbin,
  object,
  library,
  index_file,
  any = 10,
};

struct Linker {
  std::vector<std::vector<std::byte>> parts;
  std::string text;  // of the last PTX
  std::vector<std::byte> linked;
  std::string error;

  Result refuse(Result why, std::string message) {
    error += "Outboard: " + message + "\n";
    return why;
  }
};

std::mutex lock;
std::set<Linker*>& linkers() {
  static auto* set = new std::set<Linker*>;
  return *set;
}
Linker* find(void* handle) {
  std::lock_guard hold(lock);
  auto* linker = static_cast<Linker*>(handle);
  return linkers().contains(linker) ? linker : nullptr;
}

bool begins_with(std::span<const std::byte> data, uint32_t magic) {
  return data.size() >= sizeof magic && std::memcmp(data.data(), &magic, sizeof magic) == 0;
}

Input kind_of(std::span<const std::byte> data) {
  constexpr uint32_t elf_magic = 0x464c457f, fatbin_magic = 0xba55ed50, archive_magic = 0x72613c21;
  if (begins_with(data, elf_magic)) return object;
  if (begins_with(data, fatbin_magic)) return fatbin;
  return begins_with(data, archive_magic) ? library : ptx;
}

Result add_ptx(Linker& linker, std::span<const std::byte> data) {
  const auto* text = reinterpret_cast<const char*>(data.data());
  linker.text.assign(text, strnlen(text, data.size()));
  if (linker.text.find(".version") == std::string::npos)
    return linker.refuse(invalid_input, "the input is neither PTX nor a fat binary with PTX");
  linker.parts.push_back(image::wrap_ptx(linker.text));
  return success;
}

Result add(Linker& linker, int type, std::span<const std::byte> data) {
  switch (type == any ? kind_of(data) : type) {
    case ptx: return add_ptx(linker, data);
    case fatbin:
      if (data.size() < 16 || image::fatbin_extent(data.data()) > data.size())
        return linker.refuse(invalid_input, "a fat binary is cut short");
      linker.parts.emplace_back(data.begin(), data.begin() + static_cast<long>(image::fatbin_extent(data.data())));
      return success;
    // A host library such as libcudadevrt.a: what is missing then is named when the result is loaded.
    case library:
    case index_file: return success;
    case lto_ir: return linker.refuse(wrong_type, "LTO-IR cannot be linked for a software GPU; compile to PTX");
    default: return linker.refuse(wrong_type, "machine code cannot be linked for a software GPU; compile to PTX");
  }
}

int give(std::span<const std::byte> bytes, void* to) {
  if (to && !bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to ? success : null_input;
}
int give(const std::string& text, char* to) {
  return give(std::as_bytes(std::span(text.c_str(), text.size() + 1)), to);
}
int give(size_t size, size_t* to) {
  if (to) *to = size;
  return to ? success : null_input;
}

}  // namespace

#define OUTBOARD_EXPORT extern "C" __attribute__((visibility("default")))

OUTBOARD_EXPORT int nvJitLinkCreate(void** handle, uint32_t count, const char** options) {
  if (!handle || (count && !options)) return null_input;
  auto linker = std::make_unique<Linker>();
  std::lock_guard hold(lock);
  linkers().insert(linker.get());
  *handle = linker.release();
  return success;
}

OUTBOARD_EXPORT int nvJitLinkDestroy(void** handle) {
  if (!handle) return null_input;
  std::lock_guard hold(lock);
  auto* linker = static_cast<Linker*>(*handle);
  if (!linkers().erase(linker)) return invalid_input;
  delete linker;
  *handle = nullptr;
  return success;
}

OUTBOARD_EXPORT int nvJitLinkAddData(void* handle, int type, const void* data, size_t size, const char*) {
  Linker* linker = find(handle);
  if (!linker || !data) return null_input;
  return add(*linker, type, {static_cast<const std::byte*>(data), size});
}

OUTBOARD_EXPORT int nvJitLinkAddFile(void* handle, int type, const char* path) {
  Linker* linker = find(handle);
  if (!linker || !path) return null_input;
  std::ifstream file(path, std::ios::binary);
  if (!file) return linker->refuse(invalid_input, std::string("cannot read ") + path);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return add(*linker, type, std::as_bytes(std::span(bytes)));
}

OUTBOARD_EXPORT int nvJitLinkComplete(void* handle) {
  Linker* linker = find(handle);
  if (!linker) return null_input;
  if (linker->parts.empty()) return linker->refuse(finalize_failed, "nothing was given that can be linked");
  linker->linked = image::bundle({linker->parts.begin(), linker->parts.end()});
  return success;
}

OUTBOARD_EXPORT int nvJitLinkGetLinkedCubinSize(void* handle, size_t* size) {
  Linker* linker = find(handle);
  if (!linker || linker->linked.empty()) return invalid_input;
  return give(linker->linked.size(), size);
}
OUTBOARD_EXPORT int nvJitLinkGetLinkedCubin(void* handle, void* cubin) {
  Linker* linker = find(handle);
  if (!linker || linker->linked.empty()) return invalid_input;
  return give(std::span<const std::byte>(linker->linked), cubin);
}

// Of one part: several have no common text.
OUTBOARD_EXPORT int nvJitLinkGetLinkedPtxSize(void* handle, size_t* size) {
  Linker* linker = find(handle);
  if (!linker || linker->parts.size() != 1 || linker->text.empty()) return invalid_input;
  return give(linker->text.size() + 1, size);
}
OUTBOARD_EXPORT int nvJitLinkGetLinkedPtx(void* handle, char* text) {
  Linker* linker = find(handle);
  if (!linker || linker->parts.size() != 1 || linker->text.empty()) return invalid_input;
  return give(linker->text, text);
}

OUTBOARD_EXPORT int nvJitLinkGetErrorLogSize(void* handle, size_t* size) {
  Linker* linker = find(handle);
  return linker ? give(linker->error.size() + 1, size) : null_input;
}
OUTBOARD_EXPORT int nvJitLinkGetErrorLog(void* handle, char* log) {
  Linker* linker = find(handle);
  return linker ? give(linker->error, log) : null_input;
}
OUTBOARD_EXPORT int nvJitLinkGetInfoLogSize(void* handle, size_t* size) {
  return find(handle) ? give(size_t{1}, size) : null_input;
}
OUTBOARD_EXPORT int nvJitLinkGetInfoLog(void* handle, char* log) {
  return find(handle) ? give(std::string(), log) : null_input;
}
