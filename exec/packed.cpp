#include "exec/packed.h"

#include <zstd.h>

#include <memory>

namespace exec {
namespace {

constexpr int level = 1;  // the link is fast; what matters is not to wait for the compressor

enum class Form : uint8_t { plain, zstd };

}  // namespace

std::vector<std::byte> pack(std::span<const std::byte> piece, bool compress) {
  std::vector<std::byte> made(1 + (compress ? ZSTD_compressBound(piece.size()) : piece.size()));
  if (compress) {
    thread_local std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    size_t size = ZSTD_compressCCtx(context.get(), made.data() + 1, made.size() - 1, piece.data(), piece.size(), level);
    if (!ZSTD_isError(size) && size < piece.size() - piece.size() / 16) {
      made[0] = std::byte{static_cast<uint8_t>(Form::zstd)};
      made.resize(1 + size);
      return made;
    }
  }
  made[0] = std::byte{static_cast<uint8_t>(Form::plain)};
  made.resize(1 + piece.size());
  std::copy(piece.begin(), piece.end(), made.begin() + 1);
  return made;
}

std::optional<std::vector<std::byte>> unpack(std::span<const std::byte> packed, size_t size) {
  if (packed.empty()) return std::nullopt;
  std::span<const std::byte> bytes = packed.subspan(1);
  std::vector<std::byte> piece(size);
  switch (static_cast<Form>(packed[0])) {
    case Form::plain:
      if (bytes.size() != size) return std::nullopt;
      std::copy(bytes.begin(), bytes.end(), piece.begin());
      return piece;
    case Form::zstd:
      if (ZSTD_decompress(piece.data(), size, bytes.data(), bytes.size()) != size) return std::nullopt;
      return piece;
  }
  return std::nullopt;
}

}  // namespace exec
