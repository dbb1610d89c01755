// What shapes arrays may have: compute capability 9.0's figures (CUDA C++ Programming Guide, "Technical Specifications
// per Compute Capability"), which the device's attributes say, too.
#pragma once
#include "api/cuda/abi.h"

namespace software {

enum class ArrayKind : unsigned char { d1, d2, d3, layered_1d, layered_2d, cube, layered_cube, none };

struct Extents {
  unsigned width, height, depth;  // 0: must be 0
};

namespace limit {

inline constexpr Extents texture[] = {{131072, 0, 0},       {131072, 65536, 0}, {16384, 16384, 16384}, {32768, 0, 2048},
                                      {32768, 32768, 2048}, {32768, 32768, 6},  {32768, 32768, 2046}};
inline constexpr Extents surface[] = {{32768, 0, 0},        {131072, 65536, 0}, {16384, 16384, 16384}, {32768, 0, 2048},
                                      {32768, 32768, 2048}, {32768, 32768, 6},  {32768, 32768, 2046}};
inline constexpr Extents texture_3d_alternate{8192, 8192, 32768};
inline constexpr Extents gather{32768, 32768, 0};
inline constexpr unsigned linear_width = 1 << 28;
inline constexpr Extents pitched{131072, 65000, 0};
inline constexpr unsigned pitched_bytes = 2097120;  // between rows
inline constexpr unsigned mipmapped_1d = 32768;
inline constexpr Extents mipmapped_2d{32768, 32768, 0};
inline constexpr unsigned texture_alignment = 512, texture_pitch_alignment = 32;

inline constexpr Extents textures_of(ArrayKind kind) { return texture[static_cast<int>(kind)]; }
inline constexpr Extents surfaces_of(ArrayKind kind) { return surface[static_cast<int>(kind)]; }

}  // namespace limit

// ArrayKind::none: the descriptor's extents and flags contradict each other.
ArrayKind kind_of(const CUDA_ARRAY3D_DESCRIPTOR& descriptor);
// CUDA_ERROR_INVALID_VALUE where no array of that shape can be.
CUresult check_shape(const CUDA_ARRAY3D_DESCRIPTOR& descriptor);
CUresult check_mipmapped_shape(const CUDA_ARRAY3D_DESCRIPTOR& descriptor);
// How many levels an array of that shape can have.
unsigned most_levels(const CUDA_ARRAY3D_DESCRIPTOR& descriptor);
// The shape of a level.
CUDA_ARRAY3D_DESCRIPTOR level_shape(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned level);

}  // namespace software
