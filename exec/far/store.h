// Pieces of files by the hash of their content: what has been sent once is not sent again. Nothing is written twice for
// that: the store gives files of jobs another name. Their programs may change them, so what is taken from the store is
// hashed on its way; that also finds what a disk has lost. The oldest go when there are too many.
#pragma once
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "exec/far/shared_files.h"
#include "exec/hash.h"

namespace exec {

// A piece that was written into a file of a job.
struct Part {
  std::string file;
  uint64_t file_size = 0, offset = 0;
  std::string name;  // that the file alone has
};

class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)), shared_(folder_ + "/files") {}

  enum class Found { yes, no, changed };
  // What it knows of other sessions' pieces; before read().
  void look_around() { places_ = shared_.places(); }
  // The whole piece. It counts as used now.
  Found read(const Hash& hash, std::span<std::byte> to) const;
  // Keeps a piece that has been written already. False: this file system cannot.
  bool share(const Hash& hash, const Part& part) const;
  // Keeps a piece as a file of its own.
  base::Status add(const Hash& hash, std::span<const std::byte> bytes) const;
  // Forgets what was not used for the longest time, until at most `most` bytes are left, and what is of no use.
  void clean(uint64_t most) const;

 private:
  std::string path(const Hash& hash) const;

  const std::string folder_;
  const SharedFiles shared_;
  std::map<Hash, SharedFiles::Place> places_;
};

}  // namespace exec
