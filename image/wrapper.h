// How an image in memory begins: what tells fat binaries, machine code and text apart, and the wrapper that the CUDA
// runtime puts around fat binaries (__fatBinC_Wrapper_t, cuda-driver facts, "fatbin wrapper").
#pragma once
#include <cstdint>
#include <cstring>

#include "image/container.h"

namespace image {

inline constexpr uint32_t wrapper_magic = 0x466243b1, elf_magic = 0x464c457f;
inline constexpr uint32_t link_version = 2;  // of a wrapper whose `parts` are to be linked

struct Wrapper {
  uint32_t magic, version;
  const void* data;
  const void* const* parts;  // a null-terminated list of fat binaries
};

// Does the image begin with these bytes? Stops at a NUL: text may be shorter than any magic number.
inline bool begins_with(const void* image, uint32_t magic) {
  return std::strncmp(static_cast<const char*>(image), reinterpret_cast<const char*>(&magic), sizeof magic) == 0;
}

}  // namespace image
