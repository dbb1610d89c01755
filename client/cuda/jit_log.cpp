#include "client/cuda/jit_log.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace client {
namespace {

void put(std::string_view text, CUjit_option buffer_option, CUjit_option size_option, unsigned count,
         const CUjit_option* options, void** values) {
  char* buffer = nullptr;
  void** room = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == buffer_option) buffer = static_cast<char*>(values[i]);
    if (options[i] == size_option) room = &values[i];
  }
  // A 32-bit number in the place of a pointer: the rest may be anything.
  const size_t bytes = room ? static_cast<uint32_t>(reinterpret_cast<uintptr_t>(*room)) : 0;
  if (!buffer || bytes == 0) return;
  const size_t length = std::min(text.size(), bytes - 1);
  std::memcpy(buffer, text.data(), length);
  buffer[length] = 0;
  *room = reinterpret_cast<void*>(length);
}

}  // namespace

void put_jit_log(std::string_view errors, unsigned count, const CUjit_option* options, void** values) {
  if (!options || !values) return;
  put(errors, CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, count, options, values);
  put({}, CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, count, options, values);
}

}  // namespace client
