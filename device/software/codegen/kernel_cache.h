// Compiled kernels on disk, so that a kernel is compiled once and not once per process.
#pragma once
#include "base/file_cache.h"

namespace software {

class KernelCache : public base::FileCache {
 public:
  KernelCache(std::string folder, uint64_t most_bytes);
  static KernelCache& users();
};

}  // namespace software
