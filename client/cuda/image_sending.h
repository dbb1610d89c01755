// Brings a module's image to the server: by its digest where the server may have it, as it is where it has not.
#pragma once
#include <string>
#include <string_view>
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

// The JIT's messages go into the program's buffer (CU_JIT_ERROR_LOG_BUFFER) and, as one line, into the log.
void report_log(std::string_view text, unsigned count, CUjit_option* options, void** values);

}  // namespace client
