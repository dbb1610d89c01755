#include "server/module_store.h"

#include <cstring>

#include "wire/digest.h"

namespace server {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// The file's name is its digest, which is checked here: the cache need not make another.
base::FileCache::Digest no_digest(std::string_view, std::string_view) { return {}; }

}  // namespace

ModuleStore::ModuleStore(std::string folder, uint64_t most_bytes)
    : cache_(std::move(folder), most_bytes, no_digest) {}

std::optional<std::string> ModuleStore::read(const ImageDigest& digest) {
  auto image = cache_.read(wire::hexadecimal(digest));
  if (!image) return std::nullopt;
  const ImageDigest found = wire::digest_of(bytes_of(*image));
  if (std::memcmp(&found, &digest, sizeof digest) != 0) return std::nullopt;
  return image;
}

void ModuleStore::write(std::span<const std::byte> image) {
  if (!cache_.on()) return;
  cache_.write(wire::hexadecimal(wire::digest_of(image)), {reinterpret_cast<const char*>(image.data()), image.size()});
}

}  // namespace server
