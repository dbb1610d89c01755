// A device's UUID as NVIDIA's tools and CUDA_VISIBLE_DEVICES write it.
#pragma once
#include <cstddef>
#include <string>

#include "api/cuda/abi.h"

namespace api {

// "GPU-01234567-89ab-cdef-0123-456789abcdef".
inline std::string uuid_text(const CUuuid& uuid) {
  std::string text = "GPU-";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace api
