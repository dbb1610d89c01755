// The hashes of large files, kept from one run to the next: a file that looks as it did is not read again.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/hash.h"

namespace exec {

// Of a file's pieces; `size` becomes what it has.
base::Result<std::vector<Hash>> hashes_of(const std::string& path, uint64_t& size);

}  // namespace exec
