// Module images that clients have sent, on disk by what they contain, so that each travels to a server once.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "api/cuda/internal.h"
#include "base/file_cache.h"

namespace server {

class ModuleStore {
 public:
  ModuleStore() : ModuleStore(base::FileCache::users_folder("modules"), base::FileCache::users_size()) {}
  ModuleStore(std::string folder, uint64_t most_bytes);

  // What is returned has this digest, whoever wrote it there.
  std::optional<std::string> read(const ImageDigest& digest);
  void write(std::span<const std::byte> image);

 private:
  base::FileCache cache_;
};

}  // namespace server
