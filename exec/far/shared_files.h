// Files of jobs that have another name here (link(2)), under which they stay when the job has gone, and where in them
// which pieces are. Beside each file stands the list of those that it had when it came.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "exec/hash.h"

namespace exec {

class SharedFiles {
 public:
  explicit SharedFiles(std::string folder) : folder_(std::move(folder)) {}

  struct Place {
    std::string file;
    uint64_t offset = 0;
  };
  // What the lists say now.
  std::map<Hash, Place> places() const;
  // The piece at `offset` of `file`, which has `size` bytes and is to be called `name` here, as no other is. False:
  // this file system cannot.
  bool add(const std::string& name, const std::string& file, uint64_t size, uint64_t offset, const Hash& hash) const;
  // A file with that name and status has become larger than it came.
  static bool has_grown(const std::string& name, uint64_t size);

 private:
  std::string folder_;
};

inline constexpr const char* list_extension = ".pieces";

}  // namespace exec
