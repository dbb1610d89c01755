// Pieces of files by the hash of their content: what has been sent once is not sent again. Files are whole or not
// there; the oldest go when there are too many.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "exec/hash.h"

namespace exec {

class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}

  // A piece that is there counts as used now.
  bool has(const Hash& hash, uint64_t size) const;
  base::Status add(const Hash& hash, std::span<const std::byte> bytes) const;
  std::string path(const Hash& hash) const;
  // Forgets what was not used for the longest time, until at most `most` bytes are left, and what a transfer that broke
  // left behind.
  void clean(uint64_t most) const;

 private:
  std::string folder_;
};

}  // namespace exec
