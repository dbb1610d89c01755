// This installation of Outboard as files that run on another machine: the program, its devices and stand-ins, and the
// shared libraries they need; never the C library, never a GPU driver.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace reach {

struct Piece {
  std::string name;  // in the bundle, "lib/outboard/deps/libz.so.1"
  std::filesystem::path from;
  uint64_t size = 0;
  std::string hash{};  // SHA-256, as sha256sum prints it
};

struct Bundle {
  std::vector<Piece> pieces;
  std::string manifest;     // lines that `sha256sum -c` reads
  std::string hash;         // SHA-256 of the manifest: the bundle's name
  uint64_t size = 0;        // bytes of all
  unsigned libc_minor = 0;  // it needs glibc 2.N
};
base::Result<Bundle> make_bundle();

// As a tar archive (POSIX.1-2017, pax, "ustar Interchange Format"), in pieces. False from `write`: it stops.
base::Status write_tar(const Bundle& bundle, const std::function<bool(std::span<const char>)>& write);

}  // namespace reach
