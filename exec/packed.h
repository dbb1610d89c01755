// A piece as it travels: compressed with zstd where that helps, else as it is, and then it is not copied.
#pragma once
#include <cstddef>
#include <optional>
#include <span>

#include "exec/bytes.h"

namespace exec {

// u8 form (0: as it is, 1: zstd, RFC 8878), then the bytes.
inline constexpr size_t before_piece = 1;
// The piece stands behind room for that.
Bytes pack(Bytes piece, bool compress);
// The piece, which lies in `packed` or in `room`. Nothing: damaged, or not of this size.
std::optional<std::span<const std::byte>> unpack(std::span<const std::byte> packed, size_t size, Bytes& room);

}  // namespace exec
