#include "exec/packed.h"

#include <zstd.h>

#include <cstdint>

namespace exec {
namespace {

constexpr int level = 1;  // the link is fast; what matters is not to wait for the compressor

enum class Form : uint8_t { plain, zstd };

// Rooms are used again and again, and only ever grow: new memory is costly.
std::span<std::byte> at_least(std::vector<std::byte>& room, size_t size) {
  if (room.size() < size) room.resize(size);
  return {room.data(), size};
}

}  // namespace

void Packer::Free::operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }

Packed Packer::pack(std::span<const std::byte> piece, bool compress) {
  if (compress) {
    if (!context_) context_.reset(ZSTD_createCCtx());
    const auto made = at_least(room_, ZSTD_compressBound(piece.size()));
    const size_t size = ZSTD_compressCCtx(context_.get(), made.data(), made.size(), piece.data(), piece.size(), level);
    if (!ZSTD_isError(size) && size < piece.size() - piece.size() / 16)
      return {std::byte{static_cast<uint8_t>(Form::zstd)}, made.first(size)};
  }
  return {std::byte{static_cast<uint8_t>(Form::plain)}, piece};
}

std::optional<std::span<const std::byte>> unpack(std::span<const std::byte> packed, size_t size,
                                                 std::vector<std::byte>& room) {
  if (packed.empty()) return std::nullopt;
  const std::span<const std::byte> bytes = packed.subspan(1);
  switch (static_cast<Form>(packed[0])) {
    case Form::plain:
      if (bytes.size() != size) return std::nullopt;
      return bytes;
    case Form::zstd: {
      const auto piece = at_least(room, size);
      if (ZSTD_decompress(piece.data(), size, bytes.data(), bytes.size()) != size) return std::nullopt;
      return piece;
    }
  }
  return std::nullopt;
}

}  // namespace exec
