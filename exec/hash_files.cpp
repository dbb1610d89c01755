#include "exec/hash_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "exec/files.h"
#include "exec/manifest.h"
#include "exec/parallel.h"

namespace exec {
namespace {

constexpr uint64_t in_cache = 128 << 10;  // bytes that a processor has close by

}  // namespace

base::Result<std::vector<Hash>> hash_file(const std::string& path, uint64_t size, const std::atomic<bool>* leave) {
  std::vector<Hash> hashes((size + piece_size - 1) / piece_size);
  base::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return base::Error{"cannot read " + path + ": " + std::strerror(errno)};
  TRY(each_in_parallel(hashes.size(), [&](size_t i) -> base::Status {
    if (leave && *leave) return base::Error{"nobody waits for it"};
    const uint64_t end = std::min(size, (i + 1) * piece_size);
    std::vector<std::byte> room(std::min(size, in_cache));
    uint64_t at = i * piece_size;
    hashes[i] = TRY(hash_of([&]() -> base::Result<std::span<const std::byte>> {
      const auto part = std::span(room).first(std::min(in_cache, end - at));
      TRY(read_at(file.get(), part, at, path));
      at += part.size();
      return std::span<const std::byte>(part);
    }));
    return base::Done{};
  }));
  return hashes;
}

}  // namespace exec
