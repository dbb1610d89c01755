// What the program's arrays look like, remembered here so that describing one needs no round trip. An array's handle is
// the number that travels.
#pragma once
#include <cstddef>
#include <optional>

#include "api/cuda/abi.h"

namespace client {

struct Context;

// All thread-safe. Nothing: no array of this process.
std::optional<CUDA_ARRAY3D_DESCRIPTOR> find_array(CUarray array);
// A part of an array: bytes along a row, rows, slices. CUDA_ERROR_INVALID_VALUE: it reaches beyond the array, which is
// found out here because copies are one-way.
struct ArrayBox {
  size_t x, y, z, width, height, depth;
};
CUresult check_box(CUarray array, const ArrayBox& box);
bool is_mipmapped_array(CUmipmappedArray array);
void forget_arrays(const Context& context);

}  // namespace client
