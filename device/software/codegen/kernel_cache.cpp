#include "device/software/codegen/kernel_cache.h"

#include <llvm/Support/BLAKE3.h>

namespace software {
namespace {

base::FileCache::Digest digest_of(std::string_view key, std::string_view content) {
  llvm::BLAKE3 hash;
  hash.update(llvm::StringRef(key.data(), key.size()));
  hash.update(llvm::StringRef(content.data(), content.size()));
  return hash.final<sizeof(base::FileCache::Digest)>();
}

}  // namespace

KernelCache::KernelCache(std::string folder, uint64_t most_bytes)
    : FileCache(std::move(folder), most_bytes, digest_of) {}

KernelCache& KernelCache::users() {
  // Threads may use it until the process is gone.
  static auto* cache = new KernelCache(users_folder("kernels"), users_size());
  return *cache;
}

}  // namespace software
