// Functions that client/cuda does by hand but not yet: each answers CUDA_ERROR_NOT_SUPPORTED and says its name once.
// The definitions are weak, so that writing one anywhere else replaces it.
#include <atomic>

#include "base/log.h"
#include "client/cuda/functions.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace {

CUresult refuse(std::atomic_flag& said, const char* name) {
  if (!said.test_and_set()) base::log(base::Level::warn, "unsupported-function", {{"name", name}});
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

#define UNWRITTEN(name, params)                                \
  OUTBOARD_EXPORT __attribute__((weak)) CUresult name params { \
    static std::atomic_flag said;                              \
    return refuse(said, #name);                                \
  }
#define LOCAL(since, name, params) UNWRITTEN(name, params)
#define HAND_CALL(since, name, params, ...) UNWRITTEN(name, params)
#define HAND_POST(since, name, params, ...) UNWRITTEN(name, params)
#include "api/cuda/cuda.def"
