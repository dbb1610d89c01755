// NVML's functions that are not answered: each says NVML_ERROR_NOT_SUPPORTED, as real devices do for what they cannot
// tell, and its name once.
#include <atomic>

#include "base/log.h"
#include "client/nvml/library.h"

namespace {

nvmlReturn_t refuse(std::atomic_flag& said, const char* name) {
  if (!said.test_and_set()) base::log(base::Level::info, "unsupported-function", {{"name", name}});
  return nvml::driver() ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_UNINITIALIZED;
}

}  // namespace

// The caller clears the parameters away (System V ABI), so that they need not be declared.
#define NONE(name)                      \
  OUTBOARD_EXPORT nvmlReturn_t name() { \
    static std::atomic_flag said;       \
    return refuse(said, #name);         \
  }
#include "api/nvml/nvml.def"
