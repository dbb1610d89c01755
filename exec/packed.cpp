#include "exec/packed.h"

#include <zstd.h>

#include <memory>

namespace exec {
namespace {

constexpr int level = 1;  // the link is fast; what matters is not to wait for the compressor

enum class Form : uint8_t { plain, zstd };

}  // namespace

Bytes pack(Bytes piece, bool compress) {
  const auto content = std::span<const std::byte>(piece).subspan(before_piece);
  if (compress) {
    thread_local std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    Bytes made(before_piece + ZSTD_compressBound(content.size()));
    const size_t size = ZSTD_compressCCtx(context.get(), made.data() + before_piece, made.size() - before_piece,
                                          content.data(), content.size(), level);
    if (!ZSTD_isError(size) && size < content.size() - content.size() / 16) {
      made[0] = std::byte{static_cast<uint8_t>(Form::zstd)};
      made.resize(before_piece + size);
      return made;
    }
  }
  piece[0] = std::byte{static_cast<uint8_t>(Form::plain)};
  return piece;
}

std::optional<std::span<const std::byte>> unpack(std::span<const std::byte> packed, size_t size, Bytes& room) {
  if (packed.empty()) return std::nullopt;
  const std::span<const std::byte> bytes = packed.subspan(before_piece);
  switch (static_cast<Form>(packed[0])) {
    case Form::plain:
      if (bytes.size() != size) return std::nullopt;
      return bytes;
    case Form::zstd:
      room.resize(size);
      if (ZSTD_decompress(room.data(), size, bytes.data(), bytes.size()) != size) return std::nullopt;
      return room;
  }
  return std::nullopt;
}

}  // namespace exec
