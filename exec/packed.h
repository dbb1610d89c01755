// A piece as it travels: compressed with zstd where that helps, else as it is.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace exec {

// u8 form (0: as it is, 1: zstd, RFC 8878), then the bytes.
std::vector<std::byte> pack(std::span<const std::byte> piece, bool compress);
// Nothing: damaged, or not of this size.
std::optional<std::vector<std::byte>> unpack(std::span<const std::byte> packed, size_t size);

}  // namespace exec
