// The driver API by name, from whatever libcuda.so.1 the program finds: these programs need no toolkit.
#pragma once
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "api/cuda/abi.h"

namespace driver {

inline void* library() {
  static void* loaded = dlopen("libcuda.so.1", RTLD_NOW);
  if (loaded) return loaded;
  std::fprintf(stderr, "%s\n", dlerror());
  std::exit(1);
}

template <class... P>
CUresult try_to(const char* name, P... arguments) {
  auto* function = reinterpret_cast<CUresult (*)(P...)>(dlsym(library(), name));
  return function ? function(arguments...) : CUDA_ERROR_NOT_FOUND;
}

template <class... P>
void call(const char* name, P... arguments) {
  CUresult result = try_to(name, arguments...);
  if (result == CUDA_SUCCESS) return;
  std::fprintf(stderr, "%s: %d\n", name, static_cast<int>(result));
  std::exit(1);
}

template <class... P>
void refused(const char* name, P... arguments) {
  CUresult result = try_to(name, arguments...);
  if (result == CUDA_ERROR_INVALID_VALUE) return;
  std::fprintf(stderr, "%s: %d instead of a refusal\n", name, static_cast<int>(result));
  std::exit(1);
}

}  // namespace driver
