// The names under which programs that link NVRTC or nvJitLink find the stand-ins: this library is loaded before theirs.
// Names that they look up by dlsym go another way (lookup.cpp).
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>

#include "client/compilers/lookup.h"

namespace {

constexpr int internal_error = 6;  // in both libraries' numbering something went wrong within

template <typename... Arguments>
int pass_on(const char* name, Arguments... arguments) {
  void* found = compilers::stand_in(name, compilers::original_dlsym(RTLD_NEXT, name));
  return found ? reinterpret_cast<int (*)(Arguments...)>(found)(arguments...) : internal_error;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default"))) int

EXPORT nvrtcGetCUBINSize(void* program, size_t* size) { return pass_on("nvrtcGetCUBINSize", program, size); }
EXPORT nvrtcGetCUBIN(void* program, char* code) { return pass_on("nvrtcGetCUBIN", program, code); }

// Every version of the library exports its functions as they are and with its own version, which its header calls.
#define NVJITLINK(prefix, suffix)                                                                                    \
  EXPORT prefix##nvJitLinkCreate##suffix(void** handle, uint32_t count, const char** options) {                      \
    return pass_on(#prefix "nvJitLinkCreate" #suffix, handle, count, options);                                       \
  }                                                                                                                  \
  EXPORT prefix##nvJitLinkDestroy##suffix(void** handle) {                                                           \
    return pass_on(#prefix "nvJitLinkDestroy" #suffix, handle);                                                      \
  }                                                                                                                  \
  EXPORT prefix##nvJitLinkAddData##suffix(void* handle, int type, const void* data, size_t size, const char* name) { \
    return pass_on(#prefix "nvJitLinkAddData" #suffix, handle, type, data, size, name);                              \
  }                                                                                                                  \
  EXPORT prefix##nvJitLinkAddFile##suffix(void* handle, int type, const char* path) {                                \
    return pass_on(#prefix "nvJitLinkAddFile" #suffix, handle, type, path);                                          \
  }                                                                                                                  \
  EXPORT prefix##nvJitLinkComplete##suffix(void* handle) {                                                           \
    return pass_on(#prefix "nvJitLinkComplete" #suffix, handle);                                                     \
  }                                                                                                                  \
  EXPORT prefix##nvJitLinkGetLinkedCubinSize##suffix(void* handle, size_t* size) {                                   \
    return pass_on(#prefix "nvJitLinkGetLinkedCubinSize" #suffix, handle, size);                                     \
  }                                                                                                                  \
  EXPORT prefix##nvJitLinkGetLinkedCubin##suffix(void* handle, void* code) {                                         \
    return pass_on(#prefix "nvJitLinkGetLinkedCubin" #suffix, handle, code);                                         \
  }

NVJITLINK(, )
NVJITLINK(__, _12_0)
NVJITLINK(__, _12_1)
NVJITLINK(__, _12_2)
NVJITLINK(__, _12_3)
NVJITLINK(__, _12_4)
NVJITLINK(__, _12_5)
NVJITLINK(__, _12_6)
NVJITLINK(__, _12_7)
NVJITLINK(__, _12_8)
NVJITLINK(__, _12_9)
NVJITLINK(__, _13_0)
NVJITLINK(__, _13_1)
NVJITLINK(__, _13_2)
NVJITLINK(__, _13_3)
