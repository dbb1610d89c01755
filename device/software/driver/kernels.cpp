// What can be asked of a kernel without running it.
#include <algorithm>

#include "device/software/driver/functions.h"
#include "device/software/driver/limits.h"
#include "device/software/driver/occupancy.h"
#include "device/software/driver/state.h"

namespace software {
namespace {

CUresult find(CUfunction handle, std::shared_ptr<Function>& function) {
  std::shared_ptr<Context> context;
  if (CUresult bad = enter(context)) return bad;
  function = device().functions.find(handle);
  return function ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

constexpr int registers = 32;  // a figure that programs divide by; there is no register file to run out of

}  // namespace

uint32_t blocks_per_processor(const Kernel& kernel, uint32_t threads, uint64_t dynamic_shared) {
  if (threads == 0 || threads > limit::threads_per_block) return 0;
  uint32_t warps = (threads + warp_size - 1) / warp_size;
  uint32_t by_threads = limit::threads_per_processor / (warps * warp_size);
  uint64_t shared = kernel.static_shared + dynamic_shared;
  uint64_t by_shared = shared == 0 ? limit::blocks_per_processor : limit::shared_per_processor / shared;
  return static_cast<uint32_t>(std::min<uint64_t>({by_threads, by_shared, limit::blocks_per_processor}));
}

CUresult cuFuncGetName(const char** name, CUfunction hfunc) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(hfunc, function)) return bad;
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  *name = function->kernel().name.c_str();
  return CUDA_SUCCESS;
}

CUresult cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(hfunc, function)) return bad;
  if (!hmod) return CUDA_ERROR_INVALID_VALUE;
  *hmod = reinterpret_cast<CUmodule>(function->module);
  return CUDA_SUCCESS;
}

CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(func, function)) return bad;
  const Kernel& kernel = function->kernel();
  if (!paramOffset || paramIndex >= kernel.parameter_offsets.size()) return CUDA_ERROR_INVALID_VALUE;
  *paramOffset = kernel.parameter_offsets[paramIndex];
  if (paramSize) *paramSize = kernel.parameter_sizes[paramIndex];
  return CUDA_SUCCESS;
}

CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction hfunc) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(hfunc, function)) return bad;
  if (!state) return CUDA_ERROR_INVALID_VALUE;
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}

CUresult cuFuncLoad(CUfunction hfunc) {
  std::shared_ptr<Function> function;
  return find(hfunc, function);
}

CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(hfunc, function)) return bad;
  if (!pi) return CUDA_ERROR_INVALID_VALUE;
  const Kernel& kernel = function->kernel();
  Capability capability = claimed_capability();
  switch (attrib) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *pi = kernel.max_threads ? static_cast<int>(kernel.max_threads) : limit::threads_per_block;
      break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *pi = static_cast<int>(kernel.static_shared); break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *pi = static_cast<int>(function->local_bytes.load()); break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *pi = registers; break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION: *pi = static_cast<int>(kernel.ptx_target); break;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *pi = capability.major * 10 + capability.minor; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *pi = function->max_dynamic_shared; break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *pi = function->carveout; break;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET: *pi = kernel.explicit_cluster; break;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
      *pi = static_cast<int>(kernel.cluster[attrib - CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH]);
      break;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED: *pi = function->large_clusters; break;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE: *pi = function->cluster_policy; break;
    default:
      if (attrib > CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE) return CUDA_ERROR_INVALID_VALUE;
      *pi = 0;
  }
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(hfunc, function)) return bad;
  switch (attrib) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      if (value < 0 || value > limit::shared_optin - static_cast<int>(function->kernel().static_shared))
        return CUDA_ERROR_INVALID_VALUE;
      function->max_dynamic_shared = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
      function->carveout = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
      if (value != 0 && value != 1) return CUDA_ERROR_INVALID_VALUE;
      function->large_clusters = value != 0;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      if (value < 0 || value > static_cast<int>(CU_CLUSTER_SCHEDULING_POLICY_LOAD_BALANCING))
        return CUDA_ERROR_INVALID_VALUE;
      function->cluster_policy = value;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache) {
  std::shared_ptr<Function> function;
  return find(hfunc, function);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize,
                                                     size_t dynamicSMemSize) {
  std::shared_ptr<Function> function;
  if (CUresult bad = find(func, function)) return bad;
  if (!numBlocks || blockSize <= 0) return CUDA_ERROR_INVALID_VALUE;
  *numBlocks =
      static_cast<int>(blocks_per_processor(function->kernel(), static_cast<uint32_t>(blockSize), dynamicSMemSize));
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func, int blockSize,
                                                              size_t dynamicSMemSize, unsigned int) {
  return software::cuOccupancyMaxActiveBlocksPerMultiprocessor(numBlocks, func, blockSize, dynamicSMemSize);
}

}  // namespace software
