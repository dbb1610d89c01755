// Brings a module's image to the server: by its digest where the server may have it, as it is where it has not.
#pragma once
#include <string>
#include <vector>

#include "api/cuda/abi.h"
#include "client/cuda/images.h"

namespace client {

struct LoadReply {
  std::vector<std::byte> description;  // api/cuda/description.h
  std::string log;                     // what the compiler had to say
};

// Loads the image as module *number, with its kernels numbered from `first`.
CUresult send_image(const Image& image, CUmodule* number, uint64_t first, LoadReply& reply);

}  // namespace client
