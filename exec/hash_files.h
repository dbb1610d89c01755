// The hashes of files, by as many threads as there are processors.
#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/hash.h"

namespace exec {

// One file's pieces. An error when `leave` becomes true.
base::Result<std::vector<Hash>> hash_file(const std::string& path, uint64_t size,
                                          const std::atomic<bool>* leave = nullptr);

}  // namespace exec
