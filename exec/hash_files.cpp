#include "exec/hash_files.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "exec/manifest.h"
#include "exec/transfer.h"

namespace exec {

base::Result<std::vector<Hash>> hash_file(const std::string& path, uint64_t size) {
  std::vector<Hash> hashes((size + piece_size - 1) / piece_size);
  std::atomic<size_t> next{0};
  std::mutex hold;
  std::string wrong;
  auto work = [&] {
    Bytes bytes;
    for (size_t i; (i = next++) < hashes.size();) {
      bytes.resize(std::min(piece_size, size - i * piece_size));
      base::Status read = read_part(path, i * piece_size, bytes);
      if (read) {
        hashes[i] = hash_of(bytes);
        continue;
      }
      std::lock_guard locked(hold);
      wrong = read.error();
      return;
    }
  };
  const size_t most = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8);
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(most, hashes.size()); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  if (!wrong.empty()) return base::Error{wrong};
  return hashes;
}

}  // namespace exec
