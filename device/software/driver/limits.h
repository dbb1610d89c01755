// What a launch may ask for: compute capability 9.0's figures (CUDA C++ Programming Guide, "Technical
// Specifications per Compute Capability"), since kernels built for earlier ones need no more.
#pragma once

namespace software::limit {

inline constexpr int threads_per_block = 1024;
// Streams': the lower, the sooner (cuCtxGetStreamPriorityRange).
inline constexpr int least_priority = 0, greatest_priority = -5;
inline constexpr int block_x = 1024, block_y = 1024, block_z = 64;
inline constexpr int grid_x = 0x7fffffff, grid_y = 65535, grid_z = 65535;
inline constexpr int shared = 48 << 10, shared_optin = 227 << 10, shared_per_processor = 228 << 10;
inline constexpr int portable_cluster_blocks = 8, cluster_blocks = 16;
inline constexpr int threads_per_processor = 2048, blocks_per_processor = 32;

}  // namespace software::limit
