// What the program's arrays look like, remembered here so that describing one needs no round trip. An array's handle is
// the number that travels.
#pragma once
#include <optional>

#include "api/cuda/abi.h"

namespace client {

struct Context;

// All thread-safe. Nothing: no array of this process.
std::optional<CUDA_ARRAY3D_DESCRIPTOR> find_array(CUarray array);
bool is_mipmapped_array(CUmipmappedArray array);
void forget_arrays(const Context& context);

}  // namespace client
