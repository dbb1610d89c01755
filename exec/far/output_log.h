// What a program wrote, in a file whose offsets are the stream's. Its beginning is dropped when it grows beyond what is
// kept: the file keeps its size, the disk gets its blocks back (fallocate(2), FALLOC_FL_PUNCH_HOLE).
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace exec {

class OutputLog {
 public:
  static base::Result<OutputLog> create(const std::string& path);

  base::Status append(std::span<const std::byte> bytes);
  uint64_t size() const { return size_; }
  // Drops what lies more than `kept` bytes before the end, but nothing from `needed` on.
  void trim(uint64_t kept, uint64_t needed);

 private:
  std::string path_;
  base::Fd file_;
  uint64_t size_ = 0, dropped_ = 0;
};

// Where a log's bytes begin that were not dropped (lseek(2), SEEK_DATA).
uint64_t first_kept(int file, uint64_t from);

}  // namespace exec
