#include "client/compilers/nvrtc.h"

#include <array>
#include <cstring>
#include <utility>

#include "client/compilers/lookup.h"

namespace compilers {
namespace {

// nvrtcResult and nvrtcProgram of nvrtc.h, which a build without the toolkit lacks.
using Result = int;
using Program = void*;
using Size = Result (*)(Program, size_t*);
using Code = Result (*)(Program, char*);
constexpr Result no_such_function = 11;  // NVRTC_ERROR_INTERNAL_ERROR

template <size_t library>
Size size_function(const char* name) {
  return reinterpret_cast<Size>(function_of(nvrtc, library, name));
}

// 0 as ever for a program that was compiled to PTX alone (NVRTC, nvrtcGetCUBINSize).
template <size_t library>
Result cubin_size(Program program, size_t* size) {
  Size machine_code = size_function<library>("nvrtcGetCUBINSize"), ptx = size_function<library>("nvrtcGetPTXSize");
  if (!machine_code || !ptx) return no_such_function;
  Result result = machine_code(program, size);
  return result || !*size ? result : ptx(program, size);
}

template <size_t library>
Result cubin(Program program, char* code) {
  Size machine_code = size_function<library>("nvrtcGetCUBINSize");
  size_t size = 0;
  if (!machine_code) return no_such_function;
  if (Result result = machine_code(program, &size)) return result;
  auto get = reinterpret_cast<Code>(function_of(nvrtc, library, size ? "nvrtcGetPTX" : "nvrtcGetCUBIN"));
  return get ? get(program, code) : no_such_function;
}

struct StandIns {
  void* size;
  void* code;
};
template <size_t... library>
constexpr std::array<StandIns, sizeof...(library)> table(std::index_sequence<library...>) {
  return {StandIns{reinterpret_cast<void*>(&cubin_size<library>), reinterpret_cast<void*>(&cubin<library>)}...};
}

}  // namespace

void* stand_in_for_nvrtc(const char* name, void* original) {
  bool size = !std::strcmp(name, "nvrtcGetCUBINSize");
  if (!size && std::strcmp(name, "nvrtcGetCUBIN") != 0) return nullptr;
  static const auto stand_ins = table(std::make_index_sequence<most_libraries>());
  size_t library = library_of(nvrtc, original);
  if (library == most_libraries) return nullptr;
  return size ? stand_ins[library].size : stand_ins[library].code;
}

}  // namespace compilers
