// The hashes of large files, kept from one run to the next: a file that looks as it did is not read again.
#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/hash.h"

namespace exec {

// Of a file's pieces; `size` becomes what it has. An error when `leave` becomes true.
base::Result<std::vector<Hash>> hashes_of(const std::string& path, uint64_t& size,
                                          const std::atomic<bool>* leave = nullptr);

}  // namespace exec
