// Handles inside kernels: looked up, or the launch fails.
#pragma once
#include "device/software/run/texture.h"

namespace software {

// What the handle stands for; of another kind or nobody's: ends the launch with CUDA_ERROR_ILLEGAL_ADDRESS.
const Texture* texture_of(Warp* warp, uint64_t handle, Texture::Kind kind);
// suld, sust and sured with .trap (PTX ISA): ends the launch with CUDA_ERROR_LAUNCH_FAILED.
[[noreturn]] void surface_trap(Warp* warp, uint64_t handle);

}  // namespace software
