// What a bundle or a set of results holds: names, and the hashes of the pieces that each file is made of. Pieces are
// what travels and what is kept, so that a file that changed a little, or whose transfer broke, sends the rest alone.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exec/hash.h"

namespace exec {

inline constexpr uint64_t piece_size = uint64_t{4} << 20;
inline constexpr size_t most_entries = 1'000'000;

struct Entry {
  enum class Kind : uint8_t { file, folder, link };
  std::string path;  // relative, never outside: is_inside()
  Kind kind = Kind::file;
  uint32_t mode = 0644;      // the nine bits of permission
  uint64_t size = 0;         // of a file
  std::string target;        // of a link
  std::vector<Hash> pieces;  // of a file: all of piece_size but the last
};
using Manifest = std::vector<Entry>;

// Whether a name stays below its folder: relative, not empty, no "..", no "." or empty part, no NUL.
bool is_inside(std::string_view path);
// Whether a link at `path` leads to something below the folder of the manifest, as far as names tell.
bool leads_inside(std::string_view path, std::string_view target);

std::vector<std::byte> encode(const Manifest& manifest);
// From untrusted bytes. Refused: what leads outside, a name that comes twice, a size that its pieces do not have.
base::Result<Manifest> decode(std::span<const std::byte> bytes);

uint64_t total_size(const Manifest& manifest);

// Piece `number` counted over all files of a manifest.
struct PiecePlace {
  size_t entry;
  uint64_t offset, size;
  const Hash* hash;
};
std::vector<PiecePlace> pieces_of(const Manifest& manifest);

}  // namespace exec
