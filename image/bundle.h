// Several fat binaries as one run of bytes: what the parts of a module that is linked on the device (nvcc -rdc=true,
// cuLink) travel as. Reads untrusted bytes; never looks outside them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace image {

std::vector<std::byte> bundle(const std::vector<std::span<const std::byte>>& parts);

// The parts of a bundle; each begins at a multiple of eight bytes from its start. An error: this is none.
base::Result<std::vector<std::span<const std::byte>>> unbundle(std::span<const std::byte> bytes);

// Bytes of the bundle that starts at `bytes`, from its own header; 0 when it is none. For pointers that the program
// itself handed over.
size_t bundle_extent(const void* bytes);

// PTX text as a fat binary with this one entry.
std::vector<std::byte> wrap_ptx(std::string_view text);

}  // namespace image
