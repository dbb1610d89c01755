// The code for GPUs that lies in a program, and which release of CUDA's runtime it was built with. Reads untrusted
// bytes.
#pragma once
#include <set>
#include <string>
#include <string_view>

namespace image {

struct Embedded {
  std::set<std::string> machine, ptx;  // "80", "90a"
  int newest_isa = 0;                  // of the PTX: 90 is 9.0
};

// Of an ELF file's fat binaries, linked ones too.
Embedded embedded_code(std::string_view program);
// Whether CUDA's runtime itself is linked into an ELF file.
bool holds_runtime(std::string_view program);

// Releases as the runtime says them, 12040; 0: not known. By the newest PTX of a program that holds the runtime: its
// compiler wrote that.
int release_of_isa(int isa);
// "libcudart.so.12.4.127"
int release_of_library(std::string_view file);

}  // namespace image
