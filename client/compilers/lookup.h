// The vendor's functions behind the stand-ins. A process may hold several NVRTCs and nvJitLinks (of CUDA 12 and 13, of
// Python packages); each gets stand-ins of its own, which call that very library.
#pragma once
#include <cstddef>

namespace compilers {

// dlsym as the C library has it, not the one that lookup.cpp puts in front of it.
void* original_dlsym(void* handle, const char* name);

// Libraries of one kind in a process that are told apart; more are left as they are.
constexpr size_t most_libraries = 4;

// Which of them holds this function; most_libraries: too many. `kind` numbers the kinds (nvrtc.h, nvjitlink.h).
enum Kind { nvrtc, nvjitlink, kinds };
size_t library_of(Kind kind, void* function);

// A function of that library by its name; nullptr: it has none.
void* function_of(Kind kind, size_t library, const char* name);

// What stands in for the function `name` found at `original`; `original` where nothing does.
void* stand_in(const char* name, void* original);

}  // namespace compilers
