// Reading small files whole, reading and writing pieces; full disks are told as what they are.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "base/result.h"

namespace exec {

// Empty: it is not there.
inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline base::Error cannot_write(const std::string& path, int reason) {
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG)
    return base::Error{"the disk with " + path.substr(0, path.rfind('/') + 1) + " is full (" + std::strerror(reason) +
                       "); make room and try again"};
  return base::Error{"cannot write " + path + ": " + std::strerror(reason)};
}

// Bytes of one write. For larger ones Linux 6.18 (ext4) takes memory in blocks so large that a virtual machine has
// given them back to its host: 500 MB took 0.2 to 1.4 s in writes of 8 MiB, 0.15 s in writes of up to 1 MiB.
inline constexpr size_t most_at_once = size_t{512} << 10;

inline base::Status write_at(int file, std::span<const std::byte> bytes, uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t put = pwrite(file, bytes.data(), std::min(bytes.size(), most_at_once), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return cannot_write(path, errno);
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return base::Done{};
}

// Fewer bytes than asked for are an error.
inline base::Status read_at(int file, std::span<std::byte> to, uint64_t offset, const std::string& path) {
  while (!to.empty()) {
    ssize_t got = pread(file, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::Error{"cannot read " + path + ": " + std::strerror(errno)};
    if (got == 0) return base::Error{path + " became shorter while it was read"};
    to = to.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return base::Done{};
}

}  // namespace exec
