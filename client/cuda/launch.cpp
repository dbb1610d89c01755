// Functions and their launches. What a launch may be is checked here, so that a bad one fails at once.
#include <cstring>
#include <vector>

#include "client/cuda/capture.h"
#include "client/cuda/coherence.h"
#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/launch.h"
#include "client/cuda/modules.h"
#include "client/cuda/streams.h"
#include "client/session.h"

namespace {

using client::Function;

int attribute(const Function& function, CUdevice_attribute which) {
  return client::facts_of(function.module->context->device).attributes[which];
}

// Dimensions that no launch may have. To cudart a driver says 9, which is no CUresult: cudart 13.0 passes it on as
// cudaErrorInvalidConfiguration, and CUDA_ERROR_INVALID_VALUE as cudaErrorInvalidValue (measured; the CUDA Runtime API
// documents the former for such a launch). Programs on the driver API are told CUDA_ERROR_INVALID_VALUE, as documented.
CUresult bad_dimensions() {
  constexpr auto invalid_configuration = static_cast<CUresult>(9);
  return client::runtime_is_present() ? invalid_configuration : CUDA_ERROR_INVALID_VALUE;
}

CUresult check(const Function& function, const LaunchShape& shape) {
  uint64_t threads = uint64_t{shape.block[0]} * shape.block[1] * shape.block[2];
  if (threads == 0 || !shape.grid[0] || !shape.grid[1] || !shape.grid[2]) return bad_dimensions();
  auto limit = static_cast<uint64_t>(function.attributes[CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK]);
  if (threads > limit) return bad_dimensions();
  const auto& most = client::facts_of(function.module->context->device).attributes;
  for (int axis = 0; axis < 3; ++axis)
    if (shape.block[axis] > static_cast<uint32_t>(most[CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + axis]) ||
        shape.grid[axis] > static_cast<uint32_t>(most[CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + axis]))
      return bad_dimensions();
  auto dynamic = static_cast<uint32_t>(function.attributes[CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES]);
  return shape.shared_bytes > dynamic ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

// All blocks of a cooperative launch must be resident at once (CUDA Driver API, cuLaunchCooperativeKernel).
CUresult check_cooperative(CUfunction handle, const Function& function, const LaunchShape& shape) {
  int blocks = 0;
  auto threads = static_cast<int>(shape.block[0] * shape.block[1] * shape.block[2]);
  if (CUresult result = cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, handle, threads, shape.shared_bytes))
    return result;
  uint64_t room = static_cast<uint64_t>(blocks) *
                  static_cast<uint64_t>(attribute(function, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  uint64_t wanted = uint64_t{shape.grid[0]} * shape.grid[1] * shape.grid[2];
  return wanted > room ? CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE : CUDA_SUCCESS;
}

// What clusters a launch has, and whether it may (CUDA Driver API, cuLaunchKernelEx).
CUresult check_cluster(const Function& function, const LaunchShape& shape) {
  constexpr uint64_t portable = 8, most = 16;
  const int* attributes = function.attributes;
  const int* required = attributes + CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH;
  if (!shape.cluster[0] && attributes[CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET] && !required[0])
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  uint64_t blocks = 1;
  for (int axis = 0; axis < 3; ++axis) {
    auto needed = static_cast<uint32_t>(required[axis]);
    if (shape.cluster[0] && required[0] && shape.cluster[axis] != needed) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    uint32_t size = shape.cluster[0] ? shape.cluster[axis] : required[0] ? needed : 1;
    if (size == 0 || shape.grid[axis] % size) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    blocks *= size;
  }
  bool large = attributes[CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED] != 0;
  return blocks > (large ? most : portable) ? CUDA_ERROR_INVALID_CLUSTER_SIZE : CUDA_SUCCESS;
}

// The parameter buffer from either form (CUDA Driver API, cuLaunchKernel).
CUresult pack(const Function& function, void** parameters, void** extra, std::vector<std::byte>& buffer) {
  buffer.resize(function.parameter_bytes);
  if (extra && !parameters) {
    const void* from = nullptr;
    size_t size = 0;
    for (; *extra != launch_param_end; extra += 2) {
      if (extra[0] == launch_param_buffer_pointer)
        from = extra[1];
      else if (extra[0] == launch_param_buffer_size)
        size = *static_cast<size_t*>(extra[1]);
      else
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (size > buffer.size() + 8) return CUDA_ERROR_INVALID_VALUE;
    if (from) std::memcpy(buffer.data(), from, std::min(size, buffer.size()));
    return CUDA_SUCCESS;
  }
  if (!parameters && !function.parameters.empty()) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < function.parameters.size(); ++i)
    std::memcpy(buffer.data() + function.parameters[i].offset, parameters[i], function.parameters[i].size);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult client::check_launch(CUfunction handle, const Function& function, const LaunchShape& shape) {
  if (CUresult result = check(function, shape)) return result;
  if (CUresult result = check_cluster(function, shape)) return result;
  return shape.cooperative ? check_cooperative(handle, function, shape) : CUDA_SUCCESS;
}

CUresult client::pack_parameters(const Function& function, void** parameters, void** extra,
                                 std::vector<std::byte>& buffer) {
  return pack(function, parameters, extra, buffer);
}

namespace {

CUresult launch(CUfunction handle, const LaunchShape& shape, CUstream stream, void** parameters, void** extra,
                std::span<const CUlaunchAttribute> attributes = {}) {
  if (CUresult result = client::require_context()) return result;
  Function* function = client::find_function(handle);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult result = client::check_launch(handle, *function, shape)) return result;
  thread_local std::vector<std::byte> buffer;
  if (CUresult result = pack(*function, parameters, extra, buffer)) return result;
  if (client::capturing(stream))
    return client::capture(stream, client::graph::KernelWork{reinterpret_cast<CUfunction>(function),
                                                             client::handle_of(client::current()),
                                                             shape,
                                                             buffer,
                                                             {attributes.begin(), attributes.end()},
                                                             {}});
  if (CUresult result = client::before_launch(buffer, client::resolve(stream))) return result;
  return remote::obLaunch(reinterpret_cast<CUfunction>(function->number), &shape, buffer.data(), buffer.size(),
                          client::resolve(stream));
}

}  // namespace

OUTBOARD_EXPORT CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY,
                                        unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY,
                                        unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream,
                                        void** kernelParams, void** extra) {
  LaunchShape shape{{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes, 0, {}};
  return launch(f, shape, hStream, kernelParams, extra);
}

OUTBOARD_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY,
                                                   unsigned int gridDimZ, unsigned int blockDimX,
                                                   unsigned int blockDimY, unsigned int blockDimZ,
                                                   unsigned int sharedMemBytes, CUstream hStream, void** kernelParams) {
  LaunchShape shape{{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes, 1, {}};
  return launch(f, shape, hStream, kernelParams, nullptr);
}

OUTBOARD_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams,
                                          void** extra) {
  if (!config) return CUDA_ERROR_INVALID_VALUE;
  LaunchShape shape{{config->gridDimX, config->gridDimY, config->gridDimZ},
                    {config->blockDimX, config->blockDimY, config->blockDimZ},
                    config->sharedMemBytes,
                    0,
                    {}};
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute& given = config->attrs[i];
    if (given.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) shape.cooperative = given.value.cooperative != 0;
    if (given.id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) continue;
    const auto& cluster = given.value.clusterDim;
    if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    shape.cluster[0] = cluster.x, shape.cluster[1] = cluster.y, shape.cluster[2] = cluster.z;
  }
  return launch(f, shape, config->hStream, kernelParams, extra, {config->attrs, config->numAttrs});
}

// --- functions

OUTBOARD_EXPORT CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  Function* function = client::find_function(hfunc);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (!pi || attrib < 0 || attrib >= 16) return CUDA_ERROR_INVALID_VALUE;
  *pi = function->attributes[attrib];
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  if (CUresult result = client::require_context()) return result;
  Function* function = client::find_function(hfunc);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (attrib < CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || attrib >= 16) return CUDA_ERROR_INVALID_VALUE;
  if (attrib == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    int room = attribute(*function, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN) -
               function->attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES];
    if (value < 0 || value > room) return CUDA_ERROR_INVALID_VALUE;
  }
  function->attributes[attrib] = value;
  return remote::obFunctionSetAttribute(reinterpret_cast<CUfunction>(function->number), attrib, value);
}

OUTBOARD_EXPORT CUresult cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache) {  // a hint
  return client::find_function(hfunc) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

OUTBOARD_EXPORT CUresult cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  Function* function = client::find_function(hfunc);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  *hmod = reinterpret_cast<CUmodule>(function->module);
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuFuncGetName(const char** name, CUfunction hfunc) {
  Function* function = client::find_function(hfunc);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  *name = function->name.c_str();
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset,
                                            size_t* paramSize) {
  Function* function = client::find_function(func);
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (paramIndex >= function->parameters.size()) return CUDA_ERROR_INVALID_VALUE;
  *paramOffset = function->parameters[paramIndex].offset;
  if (paramSize) *paramSize = function->parameters[paramIndex].size;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset,
                                              size_t* paramSize) {
  return cuFuncGetParamInfo(reinterpret_cast<CUfunction>(kernel), paramIndex, paramOffset, paramSize);
}

OUTBOARD_EXPORT CUresult cuKernelGetName(const char** name, CUkernel hfunc) {
  return cuFuncGetName(name, reinterpret_cast<CUfunction>(hfunc));
}

OUTBOARD_EXPORT CUresult cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice) {
  return cuFuncGetAttribute(pi, attrib, reinterpret_cast<CUfunction>(kernel));
}

OUTBOARD_EXPORT CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice) {
  return cuFuncSetAttribute(reinterpret_cast<CUfunction>(kernel), attrib, val);
}

OUTBOARD_EXPORT CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  if (!client::find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}

OUTBOARD_EXPORT CUresult cuFuncLoad(CUfunction function) {
  return client::find_function(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
