// Launches as they were written before CUDA 4.0: a function keeps a block's shape and a buffer of parameters, and
// cuLaunch uses them (CUDA Driver API, "Execution Control [DEPRECATED]"). cuLaunchKernel does the work.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "client/cuda/contexts.h"
#include "client/cuda/functions.h"
#include "client/cuda/modules.h"
#include "api/cuda/internal.h"

namespace {

struct Kept {
  unsigned block[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
  std::vector<std::byte> parameters;
};

constexpr size_t most_parameter_bytes = 4096;

std::mutex lock;
std::map<CUfunction, Kept>& kept_functions() {
  static auto* map = new std::map<CUfunction, Kept>;
  return *map;
}

template <class Change>
CUresult change(CUfunction function, Change body) {
  if (CUresult result = client::require_context()) return result;
  if (!client::find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  std::lock_guard hold(lock);
  return body(kept_functions()[function]);
}

CUresult launch(CUfunction function, int width, int height, CUstream stream) {
  if (width <= 0 || height <= 0) return CUDA_ERROR_INVALID_VALUE;
  Kept kept;
  if (CUresult result = change(function, [&](Kept& now) { return kept = now, CUDA_SUCCESS; })) return result;
  size_t size = kept.parameters.size();
  void* extra[] = {launch_param_buffer_pointer, kept.parameters.data(), launch_param_buffer_size, &size,
                   launch_param_end};
  return cuLaunchKernel(function, static_cast<unsigned>(width), static_cast<unsigned>(height), 1, kept.block[0],
                        kept.block[1], kept.block[2], kept.shared_bytes, stream, nullptr, extra);
}

}  // namespace

OUTBOARD_EXPORT CUresult cuFuncSetBlockShape(CUfunction hfunc, int x, int y, int z) {
  if (x <= 0 || y <= 0 || z <= 0) return CUDA_ERROR_INVALID_VALUE;
  return change(hfunc, [&](Kept& kept) {
    unsigned shape[] = {static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)};
    std::copy_n(shape, 3, kept.block);
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuFuncSetSharedSize(CUfunction hfunc, unsigned int bytes) {
  return change(hfunc, [&](Kept& kept) { return kept.shared_bytes = bytes, CUDA_SUCCESS; });
}

OUTBOARD_EXPORT CUresult cuParamSetSize(CUfunction hfunc, unsigned int numbytes) {
  if (numbytes > most_parameter_bytes) return CUDA_ERROR_INVALID_VALUE;
  return change(hfunc, [&](Kept& kept) { return kept.parameters.resize(numbytes), CUDA_SUCCESS; });
}

OUTBOARD_EXPORT CUresult cuParamSetv(CUfunction hfunc, int offset, void* ptr, unsigned int numbytes) {
  if (!ptr || offset < 0 || static_cast<size_t>(offset) + numbytes > most_parameter_bytes)
    return CUDA_ERROR_INVALID_VALUE;
  return change(hfunc, [&](Kept& kept) {
    size_t end = static_cast<size_t>(offset) + numbytes;
    if (kept.parameters.size() < end) kept.parameters.resize(end);
    std::memcpy(kept.parameters.data() + offset, ptr, numbytes);
    return CUDA_SUCCESS;
  });
}

OUTBOARD_EXPORT CUresult cuParamSeti(CUfunction hfunc, int offset, unsigned int value_) {
  return cuParamSetv(hfunc, offset, &value_, sizeof value_);
}
OUTBOARD_EXPORT CUresult cuParamSetf(CUfunction hfunc, int offset, float value_) {
  return cuParamSetv(hfunc, offset, &value_, sizeof value_);
}

OUTBOARD_EXPORT CUresult cuLaunch(CUfunction f) { return launch(f, 1, 1, nullptr); }
OUTBOARD_EXPORT CUresult cuLaunchGrid(CUfunction f, int grid_width, int grid_height) {
  return launch(f, grid_width, grid_height, nullptr);
}
OUTBOARD_EXPORT CUresult cuLaunchGridAsync(CUfunction f, int grid_width, int grid_height, CUstream hStream) {
  return launch(f, grid_width, grid_height, hStream);
}

// --- first names of functions that later got a second version with the same meaning

OUTBOARD_EXPORT CUresult cuStreamDestroy(CUstream hStream) { return cuStreamDestroy_v2(hStream); }
OUTBOARD_EXPORT CUresult cuEventDestroy(CUevent hEvent) { return cuEventDestroy_v2(hEvent); }
