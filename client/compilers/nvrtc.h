// NVRTC, which makes machine code for a real GPU when it is asked for sm_XX: it has made the PTX on the way, so that is
// what the program gets in its place. Drivers take both alike (CUDA Driver API, cuModuleLoadData).
#pragma once

namespace compilers {

// nullptr: nothing stands in for this function.
void* stand_in_for_nvrtc(const char* name, void* original);

}  // namespace compilers
