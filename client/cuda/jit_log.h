// Where a program wants the messages of the compiler that runs when a module is loaded (CUDA Driver API, CUjit_option).
#pragma once
#include <string_view>

#include "api/cuda/abi.h"

namespace client {

// Fills the buffers that the options name, always: `errors` into that of errors, and nothing, which is a NUL, into that
// of information. The options of the sizes, room before, tell how much that was.
void put_jit_log(std::string_view errors, unsigned count, const CUjit_option* options, void** values);

}  // namespace client
