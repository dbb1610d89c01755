// A piece as it travels: compressed with zstd where that helps, else as it is, and then it is not copied.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

struct ZSTD_CCtx_s;

namespace exec {

// On the way: u8 form (0: as it is, 1: zstd, RFC 8878), then the bytes.
struct Packed {
  std::byte form{};
  std::span<const std::byte> bytes;  // in the piece itself or in the packer
};

// Has memory for one piece, which is used again for the next.
class Packer {
 public:
  Packed pack(std::span<const std::byte> piece, bool compress);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::vector<std::byte> room_;
};

// The piece, which lies in `packed` or in `room`. Nothing: damaged, or not of this size.
std::optional<std::span<const std::byte>> unpack(std::span<const std::byte> packed, size_t size,
                                                 std::vector<std::byte>& room);

}  // namespace exec
