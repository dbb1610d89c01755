// dlsym, through which packages find NVRTC and nvJitLink that they loaded by their path: asks the C library's, and
// gives a stand-in for the few names that have one.
#include "client/compilers/lookup.h"

#include <dlfcn.h>

#include <mutex>
#include <string_view>

#include "client/compilers/nvjitlink.h"
#include "client/compilers/nvrtc.h"

namespace compilers {
namespace {

using Dlsym = void* (*)(void*, const char*) noexcept;

// The version that dlsym has had since it moved into libc, or since the platform's first (glibc's abilist).
Dlsym find_dlsym() {
  for (const char* version : {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"})
    if (void* found = dlvsym(RTLD_NEXT, "dlsym", version)) return reinterpret_cast<Dlsym>(found);
  return nullptr;
}

__attribute__((noinline)) Dlsym original() noexcept {
  static Dlsym found = find_dlsym();
  return found;
}

__attribute__((noinline)) bool may_have_stand_in(std::string_view name) noexcept {
  return name.starts_with("nvrtcGetCUBIN") || name.starts_with("nvJitLink") || name.starts_with("__nvJitLink");
}

struct Library {
  void* base = nullptr;
  void* handle = nullptr;
};

struct Libraries {
  std::mutex lock;
  Library of[kinds][most_libraries];
};
Libraries& libraries() {  // leaked on purpose: code that runs at exit still uses it
  static auto* the = new Libraries;
  return *the;
}

__attribute__((noinline)) void* found_stand_in(void* handle, const char* name) noexcept {
  return stand_in(name, original_dlsym(handle, name));
}

bool is_ours(void* function) {
  Dl_info here, there;
  return dladdr(reinterpret_cast<void*>(&is_ours), &here) && dladdr(function, &there) &&
         here.dli_fbase == there.dli_fbase;
}

}  // namespace

void* original_dlsym(void* handle, const char* name) { return original()(handle, name); }

size_t library_of(Kind kind, void* function) {
  Dl_info found;
  if (!dladdr(function, &found)) return most_libraries;
  std::lock_guard hold(libraries().lock);
  for (size_t i = 0; i < most_libraries; ++i) {
    Library& each = libraries().of[kind][i];
    if (each.base == found.dli_fbase) return i;
    if (each.base) continue;
    each.handle = dlopen(found.dli_fname, RTLD_NOLOAD | RTLD_LAZY);
    if (!each.handle) return most_libraries;
    each.base = found.dli_fbase;
    return i;
  }
  return most_libraries;
}

void* function_of(Kind kind, size_t library, const char* name) {
  std::lock_guard hold(libraries().lock);
  void* handle = libraries().of[kind][library].handle;
  return handle ? original_dlsym(handle, name) : nullptr;
}

void* stand_in(const char* name, void* original) {
  if (original && is_ours(original)) original = original_dlsym(RTLD_NEXT, name);
  if (!original) return nullptr;
  void* ours = stand_in_for_nvrtc(name, original);
  if (!ours) ours = stand_in_for_nvjitlink(name, original);
  return ours ? ours : original;
}

}  // namespace compilers

// RTLD_NEXT means "behind the library that asks", which the C library tells by the return address: so whatever has no
// stand-in is passed on by a sibling call, which leaves the asker's. Nothing here may need a frame of its own.
extern "C" __attribute__((visibility("default"))) void* dlsym(void* handle, const char* name) noexcept {
  if (compilers::may_have_stand_in(name)) return compilers::found_stand_in(handle, name);
  return compilers::original()(handle, name);
}
