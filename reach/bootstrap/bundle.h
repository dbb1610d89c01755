// This installation of Outboard as files that run on another machine: the program, its devices and stand-ins, and the
// shared libraries they need; never the C library, never a GPU driver.
#pragma once
#include <cstdint>
#include <filesystem>
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
  std::string manifest;  // lines that `sha256sum -c` reads
  std::string hash;      // SHA-256 of the manifest: the bundle's name
  uint64_t size = 0;     // bytes of all
  std::string glibc;     // the version that it needs at least, "2.34"
};
// Reads all of it. An error names a file that cannot be read, or a library that is not on this machine either.
base::Result<Bundle> make_bundle();

}  // namespace reach
