// What cuGetProcAddress may hand out, derived from the tables.
#pragma once
#include <string_view>

namespace client {

enum class Found { yes, unknown_name, version_too_old };

struct Symbol {
  void* address = nullptr;  // of the exported function
  Found found = Found::unknown_name;
};

// The newest variant of `base` (a name without _v2, _ptsz ...) that CUDA `version` knows.
// `per_thread`: the caller wants per-thread default streams.
Symbol find_symbol(std::string_view base, int version, bool per_thread);

}  // namespace client
