// How many blocks of a kernel fit on a multiprocessor: computed from the kernel's and the device's attributes
// (CUDA C++ Programming Guide, "Occupancy Calculator").
#include <algorithm>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/modules.h"
#include "client/session.h"

namespace {

using client::Function;

constexpr int warp = 32;
constexpr int register_unit = 256;  // registers are given to warps in pieces of this size

int attribute(const Function& function, CUdevice_attribute which) {
  int ordinal = client::server_ordinal(function.module->context->device);
  return client::inventory().devices[static_cast<size_t>(ordinal)].attributes[which];
}

int shared_of_block(const Function& function, size_t dynamic) {
  int reserved = attribute(function, CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK);
  size_t own = static_cast<size_t>(function.attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES]) + dynamic;
  return static_cast<int>(std::min<size_t>(own + static_cast<size_t>(reserved), 1 << 30));
}

int blocks_that_fit(const Function& function, int threads, size_t dynamic) {
  if (threads <= 0 || threads > function.attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK]) return 0;
  size_t limit = static_cast<size_t>(attribute(function, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN));
  if (static_cast<size_t>(function.attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES]) + dynamic > limit) return 0;
  int warps = (threads + warp - 1) / warp;
  int blocks = attribute(function, CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR);
  blocks = std::min(blocks, attribute(function, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR) / (warps * warp));
  if (int shared = shared_of_block(function, dynamic))
    blocks = std::min(blocks, attribute(function, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR) / shared);
  int of_warp = function.attributes[CU_FUNC_ATTRIBUTE_NUM_REGS] * warp;
  of_warp = (of_warp + register_unit - 1) / register_unit * register_unit;
  if (of_warp)
    blocks =
        std::min(blocks, attribute(function, CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR) / of_warp / warps);
  return blocks;
}

int threads_of(const CUlaunchConfig& config) {
  uint64_t threads = uint64_t{config.blockDimX} * config.blockDimY * config.blockDimZ;
  return static_cast<int>(std::min<uint64_t>(threads, 1 << 20));
}

}  // namespace

OUTBOARD_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func,
                                                                              int blockSize, size_t dynamicSMemSize,
                                                                              unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  const Function* function = client::find_function(func);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (!numBlocks || blockSize <= 0 || flags > CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE) return CUDA_ERROR_INVALID_VALUE;
  *numBlocks = blocks_that_fit(*function, blockSize, dynamicSMemSize);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize,
                                                                     size_t dynamicSMemSize) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(numBlocks, func, blockSize, dynamicSMemSize, 0);
}

// The block size with the most threads resident; of equals the largest.
OUTBOARD_EXPORT CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                                   CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                                   size_t dynamicSMemSize, int blockSizeLimit,
                                                                   unsigned int flags) {
  if (CUresult result = client::require_context()) return result;
  const Function* function = client::find_function(func);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  bool known = flags <= CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE;
  if (!minGridSize || !blockSize || blockSizeLimit < 0 || !known) return CUDA_ERROR_INVALID_VALUE;
  int most = function->attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK];
  if (blockSizeLimit) most = std::min(most, blockSizeLimit);
  int best = 0, blocks = 0;
  for (int size = (most + warp - 1) / warp * warp; size > 0; size -= warp) {
    int threads = std::min(size, most);
    size_t dynamic = blockSizeToDynamicSMemSize ? blockSizeToDynamicSMemSize(threads) : dynamicSMemSize;
    int fit = blocks_that_fit(*function, threads, dynamic);
    if (fit * threads <= best * blocks) continue;
    best = threads;
    blocks = fit;
  }
  *blockSize = best;
  *minGridSize = blocks * attribute(*function, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func,
                                                          CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                          size_t dynamicSMemSize, int blockSizeLimit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(minGridSize, blockSize, func, blockSizeToDynamicSMemSize,
                                                   dynamicSMemSize, blockSizeLimit, 0);
}

// What is left for each of `numBlocks` blocks on one multiprocessor.
OUTBOARD_EXPORT CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* dynamicSmemSize, CUfunction func,
                                                                 int numBlocks, int blockSize) {
  if (CUresult result = client::require_context()) return result;
  const Function* function = client::find_function(func);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (!dynamicSmemSize || numBlocks <= 0 || blockSize <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (blocks_that_fit(*function, blockSize, 0) < numBlocks) return CUDA_ERROR_INVALID_VALUE;
  int share = attribute(*function, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR) / numBlocks;
  int room = share - shared_of_block(*function, 0);
  int limit = attribute(*function, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN) -
              function->attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES];
  *dynamicSmemSize = static_cast<size_t>(std::max(0, std::min(room, limit)));
  return CUDA_SUCCESS;
}

// Clusters share one multiprocessor here, but the largest that CUDA promises does not depend on it (CUDA Driver API,
// cuOccupancyMaxPotentialClusterSize: a multiple of the cluster size that the kernel or the configuration asks for).
OUTBOARD_EXPORT CUresult cuOccupancyMaxPotentialClusterSize(int* clusterSize, CUfunction func,
                                                            const CUlaunchConfig* config) {
  if (CUresult result = client::require_context()) return result;
  const Function* function = client::find_function(func);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (!clusterSize || !config) return CUDA_ERROR_INVALID_VALUE;
  if (blocks_that_fit(*function, threads_of(*config), config->sharedMemBytes) == 0) return CUDA_ERROR_INVALID_VALUE;
  *clusterSize = function->attributes[CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED] ? 16 : 8;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) {
  if (CUresult result = client::require_context()) return result;
  const Function* function = client::find_function(func);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (!numClusters || !config || (config->numAttrs && !config->attrs)) return CUDA_ERROR_INVALID_VALUE;
  const int* required = function->attributes + CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH;
  int cluster = required[0] ? required[0] * required[1] * required[2] : 1;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const auto& given = config->attrs[i].value.clusterDim;
    if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      cluster = static_cast<int>(std::min<uint64_t>(uint64_t{given.x} * given.y * given.z, 1 << 20));
  }
  if (cluster == 0) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  int blocks = blocks_that_fit(*function, threads_of(*config), config->sharedMemBytes);
  *numClusters = blocks * attribute(*function, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) / cluster;
  return CUDA_SUCCESS;
}
